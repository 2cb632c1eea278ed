namespace InvFusion.Imaging.Tests;

/// <summary>Images made by code.</summary>
internal static class TestImages
{
    public static RgbImage Noise(int width, int height, int channels = 3, int seed = 1)
    {
        var image = new RgbImage(width, height, channels);
        new Random(seed).NextBytes(image.Pixels);
        return image;
    }

    /// <summary>Red and green above, blue and white below.</summary>
    public static RgbImage Quadrants(int width, int height)
    {
        byte[][] colours =
        [
            [255, 0, 0],
            [0, 255, 0],
            [0, 0, 255],
            [255, 255, 255],
        ];
        var image = new RgbImage(width, height);
        for (var y = 0; y < height; y++)
        for (var x = 0; x < width; x++)
            colours[(y < height / 2 ? 0 : 2) + (x < width / 2 ? 0 : 1)].CopyTo(image.Pixels, (y * width + x) * 3);
        return image;
    }

    /// <summary>The letters of the four quadrants: R, G, B, W.</summary>
    public static string QuadrantNames(RgbImage image)
    {
        var (left, right, top, bottom) = (image.Width / 4, image.Width * 3 / 4, image.Height / 4, image.Height * 3 / 4);
        return string.Concat(Name(image, left, top), Name(image, right, top), Name(image, left, bottom), Name(image, right, bottom));
    }

    private static string Name(RgbImage image, int x, int y)
    {
        var pixel = image.Pixels.AsSpan((y * image.Width + x) * 3, 3);
        return (pixel[0] > 128, pixel[1] > 128, pixel[2] > 128) switch
        {
            (true, false, false) => "R",
            (false, true, false) => "G",
            (false, false, true) => "B",
            (true, true, true) => "W",
            _ => "?",
        };
    }
}

using SkiaSharp;

namespace InvFusion.Imaging;

/// <summary>Turns an image the way its EXIF orientation says.</summary>
internal static class Orientation
{
    /// <summary>The upright image; the same object where nothing is to be turned.</summary>
    public static RgbImage Apply(RgbImage image, SKEncodedOrigin origin)
    {
        var (right, bottom) = (image.Width - 1, image.Height - 1);
        // Each maps a position of the upright image to one of the stored image. The names say which corner the stored first pixel belongs to.
        return origin switch
        {
            SKEncodedOrigin.TopRight => Map(image, swap: false, (x, y) => (right - x, y)),
            SKEncodedOrigin.BottomRight => Map(image, swap: false, (x, y) => (right - x, bottom - y)),
            SKEncodedOrigin.BottomLeft => Map(image, swap: false, (x, y) => (x, bottom - y)),
            SKEncodedOrigin.LeftTop => Map(image, swap: true, (x, y) => (y, x)),
            SKEncodedOrigin.RightTop => Map(image, swap: true, (x, y) => (y, bottom - x)),
            SKEncodedOrigin.RightBottom => Map(image, swap: true, (x, y) => (right - y, bottom - x)),
            SKEncodedOrigin.LeftBottom => Map(image, swap: true, (x, y) => (right - y, x)),
            _ => image,
        };
    }

    private static RgbImage Map(RgbImage image, bool swap, Func<int, int, (int X, int Y)> source)
    {
        var result = swap
            ? new RgbImage(image.Height, image.Width, image.Channels)
            : new RgbImage(image.Width, image.Height, image.Channels);
        var channels = image.Channels;
        for (var y = 0; y < result.Height; y++)
        for (var x = 0; x < result.Width; x++)
        {
            var (sx, sy) = source(x, y);
            image
                .Pixels.AsSpan((sy * image.Width + sx) * channels, channels)
                .CopyTo(result.Pixels.AsSpan((y * result.Width + x) * channels));
        }
        return result;
    }
}

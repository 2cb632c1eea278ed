namespace InvFusion.Imaging;

/// <summary>An RGB image that is painted on.</summary>
internal sealed class Canvas
{
    /// <summary>Creates a canvas of one colour.</summary>
    public Canvas(int width, int height, Rgb background)
    {
        Image = new RgbImage(width, height);
        Fill(0, 0, width, height, background);
    }

    /// <summary>What was painted.</summary>
    public RgbImage Image { get; }

    /// <summary>Paints a rectangle; what lies outside is left away.</summary>
    public void Fill(int x, int y, int width, int height, Rgb colour)
    {
        var (left, right) = (Math.Max(x, 0), Math.Min(x + width, Image.Width));
        for (var row = Math.Max(y, 0); row < Math.Min(y + height, Image.Height); row++)
        for (var column = left; column < right; column++)
        {
            var at = (row * Image.Width + column) * 3;
            (Image.Pixels[at], Image.Pixels[at + 1], Image.Pixels[at + 2]) = (colour.R, colour.G, colour.B);
        }
    }

    /// <summary>Paints an image, each of its pixels as a square of <paramref name="factor"/> pixels.</summary>
    public void Draw(RgbImage image, int x, int y, int factor = 1)
    {
        image = image.ToRgb();
        for (var row = 0; row < image.Height; row++)
        for (var column = 0; column < image.Width; column++)
        {
            var pixel = image.Pixels.AsSpan((row * image.Width + column) * 3, 3);
            Fill(x + column * factor, y + row * factor, factor, factor, new Rgb(pixel[0], pixel[1], pixel[2]));
        }
    }

    /// <summary>Writes one line of text with its upper left corner at (x, y).</summary>
    public void Write(string text, int x, int y, int size, Rgb colour)
    {
        var cover = TextFont.Cover(text, size);
        for (var row = Math.Max(-y, 0); row < Math.Min(cover.GetLength(0), Image.Height - y); row++)
        for (var column = Math.Max(-x, 0); column < Math.Min(cover.GetLength(1), Image.Width - x); column++)
            if (cover[row, column] is var part && part > 0)
            {
                var pixel = Image.Pixels.AsSpan(((y + row) * Image.Width + x + column) * 3, 3);
                (pixel[0], pixel[1], pixel[2]) = (Mix(pixel[0], colour.R), Mix(pixel[1], colour.G), Mix(pixel[2], colour.B));

                byte Mix(byte below, byte above) => (byte)((below * (255 - part) + above * part + 127) / 255);
            }
    }
}

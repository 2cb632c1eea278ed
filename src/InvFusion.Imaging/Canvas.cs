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
    public void Write(string text, int x, int y, int scale, Rgb colour)
    {
        for (var i = 0; i < text.Length; i++)
        for (var row = 0; row < PixelFont.Rows; row++)
        for (var column = 0; column < PixelFont.Advance; column++)
            if (PixelFont.IsSet(text[i], column, row))
                Fill(x + (i * PixelFont.Advance + column) * scale, y + row * scale, scale, scale, colour);
    }
}

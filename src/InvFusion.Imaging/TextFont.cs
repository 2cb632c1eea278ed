using SkiaSharp;

namespace InvFusion.Imaging;

/// <summary>The font of sheets and plots: DejaVu Sans, Latin, Greek and signs, from a file of this library. Text looks the same on every machine, also on one without fonts.</summary>
public static class TextFont
{
    private static readonly SKTypeface Face = SKTypeface.FromStream(Open());

    /// <summary>The font's name.</summary>
    public const string Name = "DejaVu Sans";

    /// <summary>The font's file, to be disposed.</summary>
    public static Stream Open() =>
        typeof(TextFont).Assembly.GetManifestResourceStream("DejaVuSans.ttf")
        ?? throw new InvalidOperationException("the font is not in the library");

    /// <summary>Whether the font has a character; another one is drawn as a hollow box.</summary>
    internal static bool Has(char character) => Face.GetGlyph(character) != 0;

    /// <summary>Pixels from a line to the next.</summary>
    internal static int LineHeight(int size) => size * 11 / 8;

    /// <summary>Pixels that a line takes.</summary>
    internal static int Width(string line, int size)
    {
        using var font = Create(size);
        return (int)MathF.Ceiling(font.MeasureText(line));
    }

    /// <summary>How much of each pixel a line covers.</summary>
    /// <returns><c>[height, width]</c>, 0 to 255.</returns>
    internal static byte[,] Cover(string line, int size)
    {
        var cover = new byte[LineHeight(size), Width(line, size) + 1];
        using var font = Create(size);
        using var paint = new SKPaint { Color = SKColors.White, IsAntialias = true };
        using var bitmap = new SKBitmap(new SKImageInfo(cover.GetLength(1), cover.GetLength(0), SKColorType.Rgba8888, SKAlphaType.Premul));
        using (var canvas = new SKCanvas(bitmap))
        {
            canvas.Clear(SKColors.Black);
            canvas.DrawText(line, 0, size, SKTextAlign.Left, font, paint);
        }
        var pixels = bitmap.GetPixelSpan();
        for (var y = 0; y < cover.GetLength(0); y++)
        for (var x = 0; x < cover.GetLength(1); x++)
            cover[y, x] = pixels[y * bitmap.RowBytes + 4 * x];
        return cover;
    }

    private static SKFont Create(int size) =>
        new(Face, size)
        {
            Edging = SKFontEdging.Antialias,
            Subpixel = true,
            Hinting = SKFontHinting.None,
        };
}

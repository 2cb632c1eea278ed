namespace InvFusion.Imaging;

/// <summary>Breaks text into lines of <see cref="PixelFont"/>.</summary>
internal static class TextLayout
{
    /// <summary>Pixels from a line to the next.</summary>
    public static int LineHeight(int scale) => (PixelFont.Rows + 2) * scale;

    /// <summary>Pixels that a line takes; the gap after its last character is not counted.</summary>
    public static int Width(string line, int scale) => Math.Max(line.Length * PixelFont.Advance - 1, 0) * scale;

    /// <summary>Lines of at most the given width, broken at blanks and at line ends; a longer word is cut and ends in "..".</summary>
    public static string[] Wrap(string? text, int width, int scale)
    {
        if (string.IsNullOrWhiteSpace(text))
            return [];
        var most = Math.Max((width / scale + 1) / PixelFont.Advance, 3);
        var lines = new List<string>();
        foreach (var paragraph in text.ReplaceLineEndings("\n").Split('\n'))
        {
            var line = "";
            foreach (var word in paragraph.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                var part = word.Length <= most ? word : word[..(most - 2)] + "..";
                if (line.Length > 0 && line.Length + 1 + part.Length > most)
                {
                    lines.Add(line);
                    line = "";
                }
                line += line.Length > 0 ? " " + part : part;
            }
            lines.Add(line);
        }
        return [.. lines];
    }
}

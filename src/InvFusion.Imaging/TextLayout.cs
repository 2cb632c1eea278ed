namespace InvFusion.Imaging;

/// <summary>Breaks text into lines of <see cref="TextFont"/>.</summary>
internal static class TextLayout
{
    private const int LongestUnit = 3; // dB, %, s, σ_y
    private const string BreakAfter = ",:/_=+-";

    /// <summary>
    /// Lines of at most the given width, broken at blanks and at line ends, but not between a number and its unit. A longer word is broken behind a sign, not inside a
    /// number; what is longer still is cut and ends in "…".
    /// </summary>
    public static string[] Wrap(string? text, int width, int size)
    {
        if (string.IsNullOrWhiteSpace(text))
            return [];
        var lines = new List<string>();
        foreach (var paragraph in text.ReplaceLineEndings("\n").Split('\n'))
        {
            var line = "";
            foreach (var word in Words(paragraph))
            {
                var gap = line.Length > 0 ? " " : "";
                foreach (var part in Fits(word) ? [word] : Parts(word))
                {
                    if (line.Length > 0 && !Fits(line + gap + part))
                    {
                        lines.Add(line);
                        (line, gap) = ("", "");
                    }
                    line += gap + Cut(part);
                    gap = "";
                }
            }
            lines.Add(line);
        }
        return [.. lines];

        bool Fits(string part) => TextFont.Width(part, size) <= width;

        string Cut(string part)
        {
            if (Fits(part))
                return part;
            var length = part.Length - 1;
            while (length > 1 && !Fits(part[..length] + "…"))
                length--;
            return part[..length] + "…";
        }
    }

    // What stands between blanks, a number with its unit as one.
    private static List<string> Words(string paragraph)
    {
        var words = new List<string>();
        foreach (var word in paragraph.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            if (
                words.Count > 0
                && char.IsAsciiDigit(words[^1][^1])
                && word.TrimEnd(',').Length <= LongestUnit
                && !char.IsAsciiDigit(word[0])
            )
                words[^1] += " " + word;
            else
                words.Add(word);
        return words;
    }

    private static IEnumerable<string> Parts(string word)
    {
        var start = 0;
        for (var i = 1; i < word.Length; i++)
            if (BreakAfter.Contains(word[i - 1], StringComparison.Ordinal))
            {
                yield return word[start..i];
                start = i;
            }
        yield return word[start..];
    }
}

using System.Globalization;
using System.Text;

namespace InvFusion.Formats.IO;

/// <summary>Text that came from a file or an archive, made fit for a message: a name may hold control codes of a terminal, line ends, or sixty thousand characters.</summary>
public static class Names
{
    private const int Longest = 200;
    private const int LongestLine = 2000;

    /// <summary>On one line, without anything that a terminal would act on, and cut where it is too long.</summary>
    /// <param name="name">Any text.</param>
    public static string Shown(string name) => Shown(name, Longest);

    /// <summary>The same with another length.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="longest">Characters that are kept.</param>
    public static string Shown(string text, int longest)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length <= longest && text.All(c => c is >= ' ' and <= '~'))
            return text;
        var shown = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (shown.Length >= longest)
                return shown.Append("...").ToString();
            shown.Append(IsHarmless(rune) ? rune.ToString() : "?");
        }
        return shown.ToString();
    }

    /// <summary>The same for a whole message.</summary>
    public static string Line(string message) => Shown(message, LongestLine);

    /// <summary>The same between quotation marks.</summary>
    public static string Quote(string name) => $"'{Shown(name, 80)}'";

    // Controls (C0, C1, DEL), marks that turn the direction of writing, line and paragraph ends, halves of pairs.
    private static bool IsHarmless(Rune rune) =>
        rune != Rune.ReplacementChar
        && Rune.GetUnicodeCategory(rune)
            is not (
                UnicodeCategory.Control
                or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator
                or UnicodeCategory.Surrogate
            );
}

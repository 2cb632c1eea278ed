using System.IO.Enumeration;

namespace InvFusion.Verification;

/// <summary>One line of the table of kinds of cases.</summary>
/// <param name="Pattern">Names it stands for; <c>*</c> stands for anything.</param>
/// <param name="Verify">Compares the case.</param>
/// <param name="OnAnyDevice">Whether it can be compared on a GPU too.</param>
internal sealed record CaseKind(string Pattern, Action<GoldenCase, Comparison, CancellationToken> Verify, bool OnAnyDevice = false)
{
    public bool Matches(string name) => Matches(Pattern, name);

    /// <summary>Whether a name fits a pattern.</summary>
    public static bool Matches(string pattern, string name) => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false);
}

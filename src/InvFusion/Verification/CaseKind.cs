using System.IO.Enumeration;

namespace InvFusion.Verification;

/// <summary>One line of the table of kinds of cases.</summary>
/// <param name="Pattern">Names it stands for; <c>*</c> stands for anything.</param>
/// <param name="Verify">Compares the case, or null where this version has nothing to compare it with.</param>
/// <param name="Reason">Why there is nothing.</param>
internal sealed record CaseKind(string Pattern, Action<GoldenCase, Comparison, CancellationToken>? Verify, string Reason = "")
{
    public bool Matches(string name) => FileSystemName.MatchesSimpleExpression(Pattern, name, ignoreCase: false);
}

namespace InvFusion.Verification;

/// <summary>The outcome of one case of vectors. A part of a case that is not covered has a result of its own, named <c>case#part</c>.</summary>
/// <param name="Case">The case's folder, relative to the set.</param>
/// <param name="Status">The outcome.</param>
/// <param name="WorstRelativeError">max|ours - expected| / max|expected| of <paramref name="WorstTensor"/>; NaN where nothing was compared.</param>
/// <param name="Tolerance">The largest relative error that <paramref name="WorstTensor"/> may have.</param>
/// <param name="WorstTensor">The tensor that comes closest to its tolerance, or exceeds it most.</param>
/// <param name="Compared">How many tensors and numbers were compared.</param>
/// <param name="Message">One line: what failed, or why it is not covered; empty where there is nothing to say.</param>
public sealed record CaseResult(
    string Case,
    CaseStatus Status,
    double WorstRelativeError,
    double Tolerance,
    string WorstTensor,
    int Compared,
    string Message
)
{
    internal static CaseResult WithoutNumbers(string name, CaseStatus status, string message) =>
        new(name, status, double.NaN, double.NaN, "", 0, message);
}

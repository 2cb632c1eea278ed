using static TorchSharp.torch;

namespace InvFusion.Verification;

/// <summary>Collects what a case compares: ours against expected, as max|ours - expected| / max|expected|.</summary>
/// <param name="tolerance">Largest relative error allowed, unless a check gives its own.</param>
internal sealed class Comparison(double tolerance)
{
    private readonly List<(string Name, double Error, double Tolerance)> _checks = [];
    private readonly List<(string Part, string Reason)> _notCovered = [];

    /// <summary>Largest relative error allowed, unless a check gives its own.</summary>
    public double Tolerance { get; set; } = tolerance;

    /// <summary>Compares two tensors of equal shape.</summary>
    public void Check(string name, Tensor ours, Tensor expected, double? tolerance = null)
    {
        using var scope = NewDisposeScope();
        if (!ours.shape.AsSpan().SequenceEqual(expected.shape))
            throw new DataFormatException(
                $"{name} is [{string.Join(", ", ours.shape)}] here and [{string.Join(", ", expected.shape)}] in the vectors"
            );
        var (a, b) = (ours.detach().to(CPU).to(float64), expected.to(CPU).to(float64));
        var error = b.numel() == 0 ? 0 : (a - b).abs().max().item<double>();
        Add(name, error, b.numel() == 0 ? 0 : b.abs().max().item<double>(), tolerance);
    }

    /// <summary>Compares two numbers.</summary>
    public void Check(string name, double ours, double expected, double? tolerance = null) =>
        Add(name, Math.Abs(ours - expected), Math.Abs(expected), tolerance);

    /// <summary>Notes that a part of the case has nothing here to be compared with.</summary>
    public void NotCovered(string part, string reason) => _notCovered.Add((part, reason));

    /// <summary>The outcome: of the whole case, then of each part that is not covered.</summary>
    /// <param name="name">The case's name.</param>
    /// <param name="note">Something to say when all is well.</param>
    public IEnumerable<CaseResult> Results(string name, string note)
    {
        if (_checks.Count > 0)
        {
            var worst = _checks.MaxBy(c => Severity(c.Error, c.Tolerance));
            var failed = _checks.Where(c => !(c.Error <= c.Tolerance)).Select(c => c.Name).ToArray();
            var message = failed.Length == 0 ? note : $"{failed.Length} of {_checks.Count} differ: {string.Join(", ", failed.Take(8))}";
            var status = failed.Length == 0 ? CaseStatus.Passed : CaseStatus.Failed;
            yield return new CaseResult(name, status, worst.Error, worst.Tolerance, worst.Name, _checks.Count, message);
        }
        else if (_notCovered.Count == 0)
        {
            yield return CaseResult.WithoutNumbers(name, CaseStatus.Error, "the verifier of this case compared nothing");
        }
        foreach (var (part, reason) in _notCovered)
            yield return CaseResult.WithoutNumbers($"{name}#{part}", CaseStatus.NotCovered, reason);
    }

    private void Add(string name, double error, double scale, double? tolerance) =>
        _checks.Add((name, scale > 0 ? error / scale : error, tolerance ?? Tolerance));

    // NaN counts as worst: every comparison with it is false.
    private static double Severity(double error, double tolerance) =>
        !double.IsFinite(error) ? double.PositiveInfinity
        : error == 0 ? 0
        : error / tolerance;
}

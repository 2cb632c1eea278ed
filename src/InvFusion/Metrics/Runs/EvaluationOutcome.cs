using InvFusion.Metrics.Scores;

namespace InvFusion.Metrics.Runs;

/// <summary>What an evaluation found.</summary>
/// <param name="Results">The metrics, in the order asked for.</param>
/// <param name="Images">Images with scores.</param>
/// <param name="Failures">A line for each other image.</param>
/// <param name="Batches">Batches in all.</param>
/// <param name="Resumed">Batches that an earlier run had left done.</param>
/// <param name="PeakMegabytes">The largest resident memory of a rank during the run, programs and weights included, in millions of bytes.</param>
public sealed record EvaluationOutcome(
    IReadOnlyList<MetricResult> Results,
    int Images,
    IReadOnlyList<string> Failures,
    int Batches,
    int Resumed,
    double PeakMegabytes
)
{
    /// <summary>The scores of each image by the name of an image metric, those without a score included: rows of the same images can be compared image by image.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<ImageScore>> Scores { get; init; } =
        new Dictionary<string, IReadOnlyList<ImageScore>>();
}

using InvFusion.Metrics.Scores;

namespace InvFusion.Metrics.Runs;

/// <summary>What an evaluation found.</summary>
/// <param name="Results">The metrics, in the order asked for.</param>
/// <param name="Images">Images with scores.</param>
/// <param name="Failures">A line for each other image that this rank knows of.</param>
/// <param name="Batches">Batches in all.</param>
/// <param name="Resumed">Batches that an earlier run had left done.</param>
public sealed record EvaluationOutcome(
    IReadOnlyList<MetricResult> Results,
    int Images,
    IReadOnlyList<string> Failures,
    int Batches,
    int Resumed
);

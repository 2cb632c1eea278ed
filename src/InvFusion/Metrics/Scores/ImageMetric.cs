namespace InvFusion.Metrics.Scores;

/// <summary>A metric of each image, averaged.</summary>
/// <param name="Name">The name that a user gives and results have.</param>
/// <param name="Needs">What it must be given.</param>
/// <param name="Summary">What it is, in one line.</param>
/// <param name="Score">The scores of the images of a batch.</param>
public sealed record ImageMetric(
    string Name,
    MetricNeeds Needs,
    string Summary,
    Func<ScoredImages, MetricTools, IEnumerable<ImageScore>> Score
) : MetricKind(Name, Needs, Summary)
{
    /// <summary>The network of <see cref="MetricTools"/> that it uses; null for none.</summary>
    public string? Network { get; init; }

    /// <summary>The feature network of <see cref="Features.Detectors"/> that it uses; null for none.</summary>
    public string? Detector { get; init; }

    /// <summary>From Σ numerators / Σ denominators to the metric.</summary>
    public Func<double, double> Finish { get; init; } = ratio => ratio;
}

using InvFusion.Metrics.Features;
using InvFusion.Metrics.References;

namespace InvFusion.Metrics.Scores;

/// <summary>
/// The metrics of a run: those that can be computed, with their networks loaded, and those that cannot, with the reason. Does not own tools and reference.
/// </summary>
public sealed class MetricPlan
{
    private MetricPlan(MetricTools tools, ReferenceStatistics? reference) => (Tools, Reference) = (tools, reference);

    /// <summary>Metrics of each image.</summary>
    public IReadOnlyList<ImageMetric> ImageMetrics { get; private init; } = [];

    /// <summary>Metrics of the set.</summary>
    public IReadOnlyList<SetMetric> SetMetrics { get; private init; } = [];

    /// <summary>Metrics that cannot be computed.</summary>
    public IReadOnlyList<MetricResult> Refused { get; private init; } = [];

    /// <summary>Their order for the user.</summary>
    public IReadOnlyList<string> Order { get; private init; } = [];

    /// <summary>The files of the networks that the metrics use, each once, with the network's name.</summary>
    public IReadOnlyList<(string Network, string Path)> WeightFiles =>
        [.. ImageMetrics.Concat<MetricKind>(SetMetrics).SelectMany(Tools.FilesOf).DistinctBy(f => f.Path)];

    internal MetricTools Tools { get; }

    internal ReferenceStatistics? Reference { get; }

    /// <summary>The feature vectors that are needed: a detector, of the images themselves or of the projected ones.</summary>
    internal IReadOnlyList<FeatureKey> FeatureKeys => [.. SetMetrics.Select(FeatureKey.Of).Distinct()];

    /// <summary>Sorts metrics into those that can be computed and those that cannot.</summary>
    /// <param name="metrics">From <see cref="MetricKinds.Parse"/>.</param>
    /// <param name="given">What there is to compute them from, but for the reference.</param>
    /// <param name="tools">The networks.</param>
    /// <param name="reference">Statistics of the reference images, or null.</param>
    public static MetricPlan Create(IReadOnlyList<MetricKind> metrics, MetricNeeds given, MetricTools tools, ReferenceStatistics? reference)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        ArgumentNullException.ThrowIfNull(tools);
        var refused = new List<MetricResult>();
        var usable = new List<MetricKind>();
        foreach (var metric in metrics)
            if (Problem(metric, given, tools, reference) is { } problem)
                refused.Add(MetricResult.Failed(metric.Name, problem));
            else
                usable.Add(metric);
        return new(tools, reference)
        {
            ImageMetrics = [.. usable.OfType<ImageMetric>()],
            SetMetrics = [.. usable.OfType<SetMetric>()],
            Refused = refused,
            Order = [.. metrics.Select(m => m.Name)],
        };
    }

    private static string? Problem(MetricKind metric, MetricNeeds given, MetricTools tools, ReferenceStatistics? reference)
    {
        var missing = metric.Needs & ~(given | MetricNeeds.Reference);
        if (missing.HasFlag(MetricNeeds.Truth) || missing.HasFlag(MetricNeeds.Measurement))
            return "needs true images and their measurements; there are none here";
        if (missing.HasFlag(MetricNeeds.Projection))
            return "images cannot be moved onto a measurement with noise, or onto none; use the metric without 'projected_'";
        if (missing.HasFlag(MetricNeeds.Samples))
            return "needs two samples or more of each image: 'metrics gen --samples 4'";
        try
        {
            if (metric is ImageMetric { Network: { } network })
                _ = tools.Perceptual(network);
            if (metric is ImageMetric { Detector: { } detector })
                _ = tools.Extractor(detector);
            if (metric is SetMetric set)
            {
                if (reference is null)
                    return "needs statistics of reference images: --ref FILE, which 'metrics ref DATA -o FILE' makes";
                var extractor = Detectors.Find(set.Detector).Extractor;
                if (reference.Problem(extractor, set.Kernel) is { } problem)
                    return problem;
                _ = tools.Extractor(set.Detector);
            }
            return null;
        }
        catch (DataFormatException e)
        {
            return e.Message;
        }
    }
}

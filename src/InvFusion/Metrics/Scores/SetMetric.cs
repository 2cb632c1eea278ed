namespace InvFusion.Metrics.Scores;

/// <summary>A metric of the set of images: a distance of its feature vectors from those of reference images.</summary>
/// <param name="Name">The name that a user gives and results have.</param>
/// <param name="Needs">What it must be given.</param>
/// <param name="Summary">What it is, in one line.</param>
/// <param name="Detector">The feature network, of <see cref="Features.Detectors"/>.</param>
/// <param name="Kernel">Whether it is the kernel distance; else the Fréchet distance.</param>
public sealed record SetMetric(string Name, MetricNeeds Needs, string Summary, string Detector, bool Kernel)
    : MetricKind(Name, Needs, Summary);

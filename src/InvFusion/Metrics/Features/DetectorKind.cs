using InvFusion.Metrics.Weights;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>One line of the table of feature networks.</summary>
/// <param name="Name">The name that a user gives.</param>
/// <param name="Extractor">The name that results and reference files have.</param>
/// <param name="Width">D, the length of a vector.</param>
/// <param name="Summary">What it is, in one line.</param>
/// <param name="Create">Loads it.</param>
public sealed record DetectorKind(
    string Name,
    string Extractor,
    int Width,
    string Summary,
    Func<WeightCache, Device, IFeatureExtractor> Create
);

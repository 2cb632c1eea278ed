using InvFusion.Metrics.Weights;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>One line of the table of feature networks.</summary>
/// <param name="Name">The name that a user gives.</param>
/// <param name="Extractor">The name that results and reference files have.</param>
/// <param name="Width">D, the length of a vector.</param>
/// <param name="Summary">What it is, in one line.</param>
/// <param name="Files">The files of its weights.</param>
/// <param name="Load">Makes it of those files.</param>
public sealed record DetectorKind(
    string Name,
    string Extractor,
    int Width,
    string Summary,
    Func<WeightCache, IReadOnlyList<string>> Files,
    Func<IReadOnlyList<string>, Device, IFeatureExtractor> Load
)
{
    /// <summary>Loads it.</summary>
    /// <param name="weights">Where its weights are.</param>
    /// <param name="device">Where it is put.</param>
    /// <exception cref="DataFormatException">Its weights are not here or not those of the network.</exception>
    public IFeatureExtractor Create(WeightCache weights, Device device) => Load(Files(weights), device);
}

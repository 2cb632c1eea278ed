using InvFusion.Metrics.Statistics;
using static TorchSharp.torch;

namespace InvFusion.Metrics.References;

/// <summary>What is kept of the reference images' vectors of one detector. Owns its tensors.</summary>
/// <param name="Count">How many images; 0 where the file does not say.</param>
/// <param name="Statistics">Mean and covariance.</param>
/// <param name="Sample">Some of the vectors, <c>[m, D]</c> float32, for the kernel distance; null where the file has none.</param>
public sealed record ReferenceEntry(long Count, FeatureStatistics Statistics, Tensor? Sample) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        Statistics.Dispose();
        Sample?.Dispose();
    }
}

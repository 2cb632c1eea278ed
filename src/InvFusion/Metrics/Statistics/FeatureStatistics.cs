using static TorchSharp.torch;

namespace InvFusion.Metrics.Statistics;

/// <summary>Mean and covariance of vectors, on the CPU in double precision. Owns its tensors.</summary>
/// <param name="Mean">μ, <c>[D]</c>.</param>
/// <param name="Covariance">Σ, <c>[D, D]</c>, with n - 1.</param>
public sealed record FeatureStatistics(Tensor Mean, Tensor Covariance) : IDisposable
{
    /// <summary>D.</summary>
    public int Width => (int)Mean.shape[0];

    /// <summary>From numbers in C order.</summary>
    /// <param name="mean"><c>[D]</c>.</param>
    /// <param name="covariance"><c>[D, D]</c>.</param>
    public static FeatureStatistics Of(double[] mean, double[] covariance)
    {
        ArgumentNullException.ThrowIfNull(mean);
        ArgumentNullException.ThrowIfNull(covariance);
        using var scope = NewDisposeScope();
        return new(
            tensor(mean).DetachFromDisposeScope(),
            tensor(covariance).view(mean.Length, mean.Length).clone().DetachFromDisposeScope()
        );
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Mean.Dispose();
        Covariance.Dispose();
    }
}

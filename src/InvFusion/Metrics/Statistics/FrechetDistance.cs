using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Statistics;

/// <summary>
/// ‖μ - μ_r‖² + tr(Σ + Σ_r - 2 (ΣΣ_r)^{1/2}) to a reference (Dowson and Landau, 1982). ΣΣ_r has the eigenvalues of the symmetric Σ_r^{1/2} Σ Σ_r^{1/2}, so no square root
/// of a general matrix is needed, and singular covariances are no special case.
/// </summary>
public sealed class FrechetDistance : IDisposable
{
    private readonly Tensor _mean;
    private readonly Tensor _covariance;
    private readonly Tensor _root; // Σ_r^{1/2}
    private readonly double _trace;

    /// <summary>Prepares the distance to a reference, which is not needed afterwards.</summary>
    public FrechetDistance(FeatureStatistics reference)
    {
        ArgumentNullException.ThrowIfNull(reference);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var pause = CollectionPause.Begin();
        var (values, vectors) = linalg.eigh(Symmetric(reference.Covariance));
        _root = (vectors * values.clamp_min(0).sqrt()).mm(vectors.t()).DetachFromDisposeScope();
        _mean = reference.Mean.clone().DetachFromDisposeScope();
        _covariance = reference.Covariance.clone().DetachFromDisposeScope();
        _trace = reference.Covariance.trace().item<double>();
    }

    /// <summary>The distance of a set of vectors: 0 for the reference itself, and never less.</summary>
    /// <remarks>The roots of eigenvalues that are rounded to 1e-16 are wrong by 1e-8, those of thousands by some 1e-6 in all.</remarks>
    public double To(FeatureStatistics statistics)
    {
        ArgumentNullException.ThrowIfNull(statistics);
        if (statistics.Width != _mean.shape[0])
            throw new ArgumentException($"vectors of {statistics.Width} numbers cannot be compared with those of {_mean.shape[0]}");
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var pause = CollectionPause.Begin();
        if (Same(statistics.Mean, _mean) && Same(statistics.Covariance, _covariance))
            return 0;
        var middle = _root.mm(statistics.Covariance).mm(_root);
        var roots = linalg.eigvalsh(Symmetric(middle)).clamp_min(0).sqrt().sum().item<double>(); // tr (ΣΣ_r)^{1/2}
        var shift = (statistics.Mean - _mean).square().sum().item<double>();
        return Math.Max(0, shift + statistics.Covariance.trace().item<double>() + _trace - 2 * roots);
    }

    /// <summary>The distance of two sets.</summary>
    public static double Between(FeatureStatistics statistics, FeatureStatistics reference)
    {
        using var distance = new FrechetDistance(reference);
        return distance.To(statistics);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _mean.Dispose();
        _covariance.Dispose();
        _root.Dispose();
    }

    private static bool Same(Tensor one, Tensor other) => one.eq(other).all().item<bool>();

    private static Tensor Symmetric(Tensor matrix) => (matrix + matrix.t()) / 2;
}

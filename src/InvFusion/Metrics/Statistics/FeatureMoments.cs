using System.Runtime.InteropServices;
using InvFusion.Distributed;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Statistics;

/// <summary>Sums of vectors and of their products in double precision: the memory does not depend on how many there are.</summary>
public sealed class FeatureMoments : IDisposable
{
    private readonly Tensor _sum; // Σ f, [D]
    private readonly Tensor _products; // Σ f fᵀ, [D, D]

    /// <summary>Starts with no vector.</summary>
    /// <param name="width">D.</param>
    public FeatureMoments(int width)
    {
        Width = width;
        _sum = zeros(width, dtype: ScalarType.Float64).DetachFromDisposeScope();
        _products = zeros(width, width, dtype: ScalarType.Float64).DetachFromDisposeScope();
    }

    /// <summary>D.</summary>
    public int Width { get; }

    /// <summary>How many vectors were added.</summary>
    public long Count { get; private set; }

    /// <summary>Adds vectors <c>[B, D]</c>.</summary>
    public void Add(Tensor features)
    {
        ArgumentNullException.ThrowIfNull(features);
        if (features.dim() != 2 || features.shape[1] != Width)
            throw new ArgumentException($"vectors are [{string.Join(", ", features.shape)}], needed [B, {Width}]");
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var f = features.cpu().to_type(ScalarType.Float64);
        _sum.add_(f.sum([0]));
        _products.add_(f.t().mm(f));
        Count += f.shape[0];
    }

    /// <summary>Adds, or with a factor of -1 takes away, what others have summed.</summary>
    public void Add(FeatureMoments other, int factor = 1)
    {
        ArgumentNullException.ThrowIfNull(other);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        _sum.add_(other._sum * factor);
        _products.add_(other._products * factor);
        Count += factor * other.Count;
    }

    /// <summary>Replaces the sums by those over all ranks.</summary>
    public void Reduce(ICollective ranks)
    {
        ArgumentNullException.ThrowIfNull(ranks);
        Span<double> count = [Count];
        ranks.Reduce(count, Reduction.Sum);
        ranks.Reduce(MemoryMarshal.Cast<byte, double>(_sum.bytes), Reduction.Sum);
        ranks.Reduce(MemoryMarshal.Cast<byte, double>(_products.bytes), Reduction.Sum);
        Count = (long)count[0];
    }

    /// <summary>Mean and covariance (Σ f fᵀ - n μ μᵀ)/(n - 1); the caller owns them.</summary>
    /// <exception cref="InvalidOperationException">There are fewer than two vectors.</exception>
    public FeatureStatistics Statistics()
    {
        if (Count < 2)
            throw new InvalidOperationException($"a covariance needs two vectors or more, there are {Count}");
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var mean = _sum / Count;
        var covariance = (_products - Count * mean.outer(mean)) / (Count - 1);
        return new(mean.DetachFromDisposeScope(), covariance.DetachFromDisposeScope());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _sum.Dispose();
        _products.Dispose();
    }
}

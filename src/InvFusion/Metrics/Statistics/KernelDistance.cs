using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Statistics;

/// <summary>
/// Kernel inception distance (Bińkowski et al., 2018): the unbiased estimate of the squared maximum mean discrepancy under the kernel (x·y/D + 1)³, in double precision.
/// Kernel values are summed by groups, so that estimates without a group cost nothing.
/// </summary>
internal sealed class KernelDistance
{
    private const int Rows = 500; // of the kernel matrix at a time

    private readonly double[] _sizes; // of each group
    private readonly double[] _within; // Σ k(x, x') of pairs of different vectors, by groups [G, G]
    private readonly double[] _across; // Σ k(x, y) by group of x
    private readonly double _reference; // mean of k(y, y') of pairs of different vectors
    private readonly long _count; // of the reference

    /// <summary>Computes the sums.</summary>
    /// <param name="vectors"><c>[n, D]</c>, n at least 2.</param>
    /// <param name="groups">For each vector its group, from 0.</param>
    /// <param name="reference"><c>[m, D]</c>, m at least 2.</param>
    public KernelDistance(Tensor vectors, int[] groups, Tensor reference)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var pause = CollectionPause.Begin();
        Tensor x = vectors.cpu().to_type(ScalarType.Float64),
            y = reference.cpu().to_type(ScalarType.Float64);
        var count = groups.Max() + 1;
        var member = zeros(groups.Length, count, dtype: ScalarType.Float64);
        member.scatter_(1, tensor(groups.Select(g => (long)g).ToArray()).unsqueeze(1), ones(groups.Length, 1, dtype: ScalarType.Float64));
        _sizes = TensorMemory.Numbers<double>(member.sum([0]));
        _count = y.shape[0];
        _within = TensorMemory.Numbers<double>(Sum(x, x, member, member) - (member * Diagonal(x)).sum([0]).diag());
        _across = TensorMemory.Numbers<double>(Sum(x, y, member, ones(_count, 1, dtype: ScalarType.Float64)));
        var all = ones(_count, 1, dtype: ScalarType.Float64);
        var total = TensorMemory.Numbers<double>(Sum(y, y, all, all))[0] - Diagonal(y).sum().item<double>();
        _reference = total / (_count * (_count - 1.0));
    }

    /// <summary>Number of groups.</summary>
    public int Groups => _sizes.Length;

    /// <summary>The estimate, of all vectors or without those of a group.</summary>
    public double Value(int? without = null)
    {
        double n = 0,
            within = 0,
            across = 0;
        for (var g = 0; g < Groups; g++)
        {
            if (g == without)
                continue;
            n += _sizes[g];
            across += _across[g];
            for (var h = 0; h < Groups; h++)
                within += h == without ? 0 : _within[g * Groups + h];
        }
        return within / (n * (n - 1)) + _reference - 2 * across / (n * _count);
    }

    // Gₐᵀ K(a, b) G_b, some rows of K at a time.
    private static Tensor Sum(Tensor a, Tensor b, Tensor groupsOfA, Tensor groupsOfB)
    {
        using var scope = NewDisposeScope();
        var sum = zeros(groupsOfA.shape[1], groupsOfB.shape[1], dtype: ScalarType.Float64);
        for (var first = 0L; first < a.shape[0]; first += Rows)
        {
            using var inner = NewDisposeScope();
            var size = Math.Min(Rows, a.shape[0] - first);
            var kernel = Kernel(a.narrow(0, first, size).mm(b.t()), a.shape[1]);
            sum.add_(groupsOfA.narrow(0, first, size).t().mm(kernel.mm(groupsOfB)));
        }
        return sum.MoveToOuterDisposeScope();
    }

    private static Tensor Diagonal(Tensor x) => Kernel(x.square().sum(1, keepdim: true), x.shape[1]); // [n, 1]

    private static Tensor Kernel(Tensor products, long width) => (products / width + 1).pow(3);
}

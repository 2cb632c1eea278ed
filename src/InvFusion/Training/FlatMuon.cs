using System.Numerics;
using InvFusion.Distributed;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>
/// Muon (Jordan et al. 2024) for matrices of flat memory: steps are the nearly orthogonal factor of the momentum (<see cref="NewtonSchulz"/>), times
/// rate·0.2·√max(rows, columns), which gives them the root mean square of Adam's (Liu et al. 2025, arXiv 2502.16982).
/// </summary>
/// <remarks>Ranks share the matrices out: each orthogonalises a part, so that all have the same bits whatever their processors and threads are.</remarks>
internal sealed class FlatMuon
{
    private const double RootMeanSquare = 0.2;
    private const double Epsilon = 1e-7; // of the norm: a gradient of rounding errors makes no full step
    private readonly FlatParameters _parameters;
    private readonly Tensor _momentum;
    private readonly Tensor _average;
    private readonly double _decay;
    private readonly ScalarType _computeType;
    private readonly ICollective _ranks;
    private readonly IReadOnlyList<FlatMatrix> _matrices;
    private readonly IReadOnlyList<FlatMatrix[]> _groups; // of one shape each
    private readonly IReadOnlyList<FlatRange> _ranges;

    /// <summary>Creates the optimizer.</summary>
    /// <param name="parameters">Weights and gradients.</param>
    /// <param name="matrices">What it optimizes, by offset.</param>
    /// <param name="momentum">Its state, <c>[N]</c>, of which it uses the matrices' parts; not owned.</param>
    /// <param name="average">The moving average of the weights, <c>[N]</c>; not owned.</param>
    /// <param name="decay">μ, decay of the momentum.</param>
    /// <param name="computeType">Type of the matrix multiplications.</param>
    /// <param name="ranks">The processes that train together; not owned.</param>
    public FlatMuon(
        FlatParameters parameters,
        IReadOnlyList<FlatMatrix> matrices,
        Tensor momentum,
        Tensor average,
        double decay,
        ScalarType computeType,
        ICollective ranks
    )
    {
        (_parameters, _matrices, _momentum, _average) = (parameters, matrices, momentum, average);
        (_decay, _computeType, _ranks) = (decay, computeType, ranks);
        _groups = [.. matrices.GroupBy(m => (m.Rows, m.Columns)).Select(group => group.ToArray())];
        _ranges = [.. FlatRange.Divide((int)parameters.Values.NumberOfElements, matrices).Where(range => range.Matrices)];
    }

    /// <summary>Takes one step with the gradients of the matrices, sets them to zero and updates the average.</summary>
    /// <param name="rate">The rate of this step.</param>
    /// <param name="keep">What the weights are multiplied by before it, 1 without weight decay.</param>
    /// <param name="averageWeight">ema ← ema + averageWeight·(weights - ema).</param>
    /// <returns>How many gradients were NaN or infinite.</returns>
    public long Step(double rate, double keep, double averageWeight)
    {
        using var noGrad = no_grad();
        var bad = _groups.Sum(Orthogonalize);
        if (_ranks.Size > 1)
            foreach (var range in _ranges)
            {
                using var part = _parameters.Gradients.narrow(0, range.Start, range.Length);
                _ranks.Sum(part);
            }
        Apply((float)rate, (float)keep, (float)averageWeight);
        return bad;
    }

    // The gradients of a group go into its momentum, and orthogonal factors take their place: those of this rank's part, zeros in the others.
    private long Orthogonalize(FlatMatrix[] group)
    {
        using var scope = NewDisposeScope();
        var (first, length) = _ranks.Part(group.Length);
        var batch = empty([length, group[0].Rows, group[0].Columns], _computeType, _parameters.Values.device);
        long bad = 0;
        foreach (var (i, matrix) in group.Index())
        {
            using var temporaries = NewDisposeScope();
            Tensor gradient = matrix.Of(_parameters.Gradients),
                momentum = matrix.Of(_momentum);
            bad += Clean(gradient);
            momentum.lerp_(gradient, 1 - _decay);
            if (i < first || i >= first + length)
            {
                gradient.zero_();
                continue;
            }
            var direction = gradient.lerp(momentum, _decay); // Nesterov: the momentum that the next step would have with the same gradient
            batch[i - first].copy_(direction.div_(direction.norm().add_(Epsilon)));
        }
        if (length == 0)
            return bad;
        var factors = NewtonSchulz.Orthogonalize(batch);
        for (var i = 0; i < length; i++)
        {
            using var temporaries = NewDisposeScope();
            group[first + i].Of(_parameters.Gradients).copy_(factors[i]);
        }
        return bad;
    }

    private static long Clean(Tensor gradient)
    {
        if (TensorMemory.AllFinite(gradient))
            return 0;
        var bad = gradient.NumberOfElements - gradient.isfinite().sum().item<long>();
        gradient.nan_to_num_(0, 0, 0);
        return bad;
    }

    // On the CPU by our own loop: libtorch's rounds an element in one of two ways, by where the threads' parts end.
    private unsafe void Apply(float rate, float keep, float averageWeight)
    {
        if (_parameters.Values.device.type != TorchSharp.DeviceType.CPU)
        {
            ApplyPlain(rate, keep, averageWeight);
            return;
        }
        float* p = TensorMemory.Floats(_parameters.Values),
            g = TensorMemory.Floats(_parameters.Gradients),
            a = TensorMemory.Floats(_average);
        Parallel.ForEach(
            _matrices,
            new ParallelOptions { MaxDegreeOfParallelism = get_num_threads() },
            m =>
                ApplyMatrix(
                    new(p + m.Offset, m.Length),
                    new(g + m.Offset, m.Length),
                    new(a + m.Offset, m.Length),
                    rate * Scale(m),
                    keep,
                    averageWeight
                )
        );
    }

    private static float Scale(FlatMatrix m) => (float)(RootMeanSquare * Math.Sqrt(Math.Max(m.Rows, m.Columns)));

    private static void ApplyMatrix(Span<float> p, Span<float> g, Span<float> a, float rate, float keep, float averageWeight)
    {
        var i = 0;
        for (; i <= p.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var weight = keep * new Vector<float>(p[i..]) - rate * new Vector<float>(g[i..]);
            var average = new Vector<float>(a[i..]);
            weight.CopyTo(p[i..]);
            (average + averageWeight * (weight - average)).CopyTo(a[i..]);
            Vector<float>.Zero.CopyTo(g[i..]);
        }
        for (; i < p.Length; i++)
        {
            p[i] = keep * p[i] - rate * g[i];
            a[i] += averageWeight * (p[i] - a[i]);
            g[i] = 0;
        }
    }

    /// <summary>The plain form of the last part of a step, for any device; the loop is tested against it.</summary>
    internal void ApplyPlain(float rate, float keep, float averageWeight)
    {
        foreach (var matrix in _matrices)
        {
            using var scope = NewDisposeScope();
            Tensor weights = matrix.Of(_parameters.Values),
                factor = matrix.Of(_parameters.Gradients);
            weights.mul_(keep).add_(factor, alpha: -rate * Scale(matrix));
            matrix.Of(_average).lerp_(weights, averageWeight);
            factor.zero_();
        }
    }
}

using System.Numerics;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>Adam (Kingma and Ba, 2015) and the moving average of the weights in one pass over flat memory; NaN and infinite gradients count as 0.</summary>
public sealed class FlatAdam : IDisposable
{
    private const int Block = 1 << 16;
    private readonly FlatParameters _parameters;
    private readonly OptimizerOptions _options;
    private readonly IReadOnlyList<FlatRange> _ranges;
    private readonly FlatRange[] _blocks;

    /// <summary>Creates the optimizer of all parameters with the usual constants; the average starts at the weights.</summary>
    public FlatAdam(FlatParameters parameters)
        : this(parameters, new(), FlatRange.Divide((int)parameters.Values.NumberOfElements, [])) { }

    /// <summary>Creates the optimizer of some ranges; moments and average are there for all.</summary>
    /// <param name="parameters">Weights and gradients.</param>
    /// <param name="options">Constants; weight decay is that of the ranges of matrices.</param>
    /// <param name="ranges">What it optimizes.</param>
    internal FlatAdam(FlatParameters parameters, OptimizerOptions options, IReadOnlyList<FlatRange> ranges)
    {
        (_parameters, _options, _ranges) = (parameters, options, ranges);
        _blocks = [.. ranges.SelectMany(Blocks)];
        FirstMoment = zeros_like(parameters.Values).DetachFromDisposeScope();
        SecondMoment = zeros_like(parameters.Values).DetachFromDisposeScope();
        Average = parameters.Values.clone().DetachFromDisposeScope();
    }

    /// <summary>m, <c>[N]</c>.</summary>
    public Tensor FirstMoment { get; }

    /// <summary>v, <c>[N]</c>.</summary>
    public Tensor SecondMoment { get; }

    /// <summary>The moving average of the weights, <c>[N]</c>.</summary>
    public Tensor Average { get; }

    /// <summary>Steps taken.</summary>
    public long Steps { get; set; }

    /// <summary>Takes one step with the gradients, sets them to zero and updates the average.</summary>
    /// <param name="learningRate">The rate of this step.</param>
    /// <param name="averageBeta">ema ← β·ema + (1 - β)·weights.</param>
    /// <returns>How many gradients were NaN or infinite.</returns>
    public long Step(double learningRate, double averageBeta)
    {
        var scalars = NextScalars(learningRate, averageBeta);
        return _parameters.Values.device.type == TorchSharp.DeviceType.CPU ? StepFused(scalars) : StepPlain(scalars);
    }

    // Keep: what a weight of a matrix is multiplied by before the step.
    private readonly record struct Scalars(
        float Rate,
        float RootScale,
        float AverageWeight,
        float Keep,
        float Beta1,
        float NewInFirst,
        float Beta2,
        float NewInSecond,
        float Epsilon
    );

    /// <summary>The plain form, for any device; the fused form is tested against it.</summary>
    internal long StepPlain(double learningRate, double averageBeta) => StepPlain(NextScalars(learningRate, averageBeta));

    // Counts the step and gives its numbers, the bias corrections included.
    private Scalars NextScalars(double learningRate, double averageBeta)
    {
        Steps++;
        var o = _options;
        return new(
            (float)(learningRate / (1 - Math.Pow(o.Beta1, Steps))),
            (float)(1 / Math.Sqrt(1 - Math.Pow(o.Beta2, Steps))),
            (float)(1 - averageBeta),
            (float)(1 - learningRate * o.WeightDecay),
            (float)o.Beta1,
            (float)(1 - o.Beta1),
            (float)o.Beta2,
            (float)(1 - o.Beta2),
            (float)o.Epsilon
        );
    }

    private static IEnumerable<FlatRange> Blocks(FlatRange range)
    {
        for (var at = 0; at < range.Length; at += Block)
            yield return range with
            {
                Start = range.Start + at,
                Length = Math.Min(Block, range.Length - at),
            };
    }

    private long StepPlain(Scalars s) => _ranges.Sum(range => StepPlain(range, s));

    private long StepPlain(FlatRange range, Scalars s)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        Tensor p = Part(_parameters.Values),
            g = Part(_parameters.Gradients),
            m = Part(FirstMoment),
            v = Part(SecondMoment);
        var bad = g.NumberOfElements - g.isfinite().sum().to_type(ScalarType.Int64).item<long>();
        g.nan_to_num_(0, 0, 0);
        m.mul_(_options.Beta1).add_(g, alpha: 1 - _options.Beta1);
        v.mul_(_options.Beta2).addcmul_(g, g, value: 1 - _options.Beta2);
        var denominator = v.sqrt().mul_(s.RootScale).add_(_options.Epsilon);
        if (range.Matrices && s.Keep != 1)
            p.mul_(s.Keep);
        p.addcdiv_(m, denominator, value: -s.Rate);
        var average = Part(Average);
        average.add_(p - average, alpha: s.AverageWeight);
        g.zero_();
        return bad;

        Tensor Part(Tensor flat) => flat.narrow(0, range.Start, range.Length);
    }

    private unsafe long StepFused(Scalars s)
    {
        float* p = Pointer(_parameters.Values),
            g = Pointer(_parameters.Gradients),
            m = Pointer(FirstMoment),
            v = Pointer(SecondMoment),
            a = Pointer(Average);
        long bad = 0;
        Parallel.For(
            0,
            _blocks.Length,
            new ParallelOptions { MaxDegreeOfParallelism = get_num_threads() },
            block =>
            {
                var (start, count, matrices) = _blocks[block];
                var found = StepBlock(
                    new(p + start, count),
                    new(g + start, count),
                    new(m + start, count),
                    new(v + start, count),
                    new(a + start, count),
                    matrices ? s : s with { Keep = 1 }
                );
                if (found > 0)
                    Interlocked.Add(ref bad, found);
            }
        );
        return bad;
    }

    private static long StepBlock(Span<float> p, Span<float> g, Span<float> m, Span<float> v, Span<float> a, Scalars s)
    {
        long bad = 0;
        var i = 0;
        for (; i <= p.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var gradient = new Vector<float>(g[i..]);
            // x - x is 0 for finite x and NaN otherwise.
            var finite = Vector.Equals(gradient - gradient, Vector<float>.Zero);
            if (!Vector.EqualsAll(finite, Vector<int>.AllBitsSet))
                bad += Vector<float>.Count + Vector.Sum(finite);
            gradient = Vector.ConditionalSelect(finite, gradient, Vector<float>.Zero);
            var first = s.Beta1 * new Vector<float>(m[i..]) + s.NewInFirst * gradient;
            var second = s.Beta2 * new Vector<float>(v[i..]) + s.NewInSecond * gradient * gradient;
            var step = s.Rate * first / (Vector.SquareRoot(second) * s.RootScale + new Vector<float>(s.Epsilon));
            var weight = s.Keep * new Vector<float>(p[i..]) - step; // a product with 1 changes no bit
            var average = new Vector<float>(a[i..]);
            first.CopyTo(m[i..]);
            second.CopyTo(v[i..]);
            weight.CopyTo(p[i..]);
            (average + s.AverageWeight * (weight - average)).CopyTo(a[i..]);
            Vector<float>.Zero.CopyTo(g[i..]);
        }
        for (; i < p.Length; i++)
        {
            var finite = float.IsFinite(g[i]);
            bad += finite ? 0 : 1;
            var gradient = finite ? g[i] : 0;
            m[i] = s.Beta1 * m[i] + s.NewInFirst * gradient;
            v[i] = s.Beta2 * v[i] + s.NewInSecond * gradient * gradient;
            p[i] = s.Keep * p[i] - s.Rate * m[i] / (MathF.Sqrt(v[i]) * s.RootScale + s.Epsilon);
            a[i] += s.AverageWeight * (p[i] - a[i]);
            g[i] = 0;
        }
        return bad;
    }

    private static unsafe float* Pointer(Tensor tensor)
    {
        fixed (byte* pointer = &MemoryMarshal.GetReference(tensor.bytes))
            return (float*)pointer;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        FirstMoment.Dispose();
        SecondMoment.Dispose();
        Average.Dispose();
    }
}

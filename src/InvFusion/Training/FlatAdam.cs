using System.Numerics;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>Adam (Kingma and Ba, 2015) and the moving average of the weights in one pass over flat memory; NaN and infinite gradients count as 0.</summary>
public sealed class FlatAdam : IDisposable
{
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.99;
    private const double Epsilon = 1e-8;
    private readonly FlatParameters _parameters;

    /// <summary>Creates the optimizer; the average starts at the weights.</summary>
    public FlatAdam(FlatParameters parameters)
    {
        _parameters = parameters;
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

    private readonly record struct Scalars(float Rate, float RootScale, float AverageWeight);

    /// <summary>The plain form, for any device; the fused form is tested against it.</summary>
    internal long StepPlain(double learningRate, double averageBeta) => StepPlain(NextScalars(learningRate, averageBeta));

    // Counts the step and gives its numbers, the bias corrections included.
    private Scalars NextScalars(double learningRate, double averageBeta)
    {
        Steps++;
        return new(
            (float)(learningRate / (1 - Math.Pow(Beta1, Steps))),
            (float)(1 / Math.Sqrt(1 - Math.Pow(Beta2, Steps))),
            (float)(1 - averageBeta)
        );
    }

    private long StepPlain(Scalars s)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var g = _parameters.Gradients;
        var bad = g.NumberOfElements - g.isfinite().sum().to_type(ScalarType.Int64).item<long>();
        g.nan_to_num_(0, 0, 0);
        FirstMoment.mul_(Beta1).add_(g, alpha: 1 - Beta1);
        SecondMoment.mul_(Beta2).addcmul_(g, g, value: 1 - Beta2);
        var denominator = SecondMoment.sqrt().mul_(s.RootScale).add_(Epsilon);
        _parameters.Values.addcdiv_(FirstMoment, denominator, value: -s.Rate);
        Average.add_(_parameters.Values - Average, alpha: s.AverageWeight);
        g.zero_();
        return bad;
    }

    private unsafe long StepFused(Scalars s)
    {
        const int Block = 1 << 16;
        var length = (int)_parameters.Values.NumberOfElements;
        float* p = Pointer(_parameters.Values),
            g = Pointer(_parameters.Gradients),
            m = Pointer(FirstMoment),
            v = Pointer(SecondMoment),
            a = Pointer(Average);
        long bad = 0;
        Parallel.For(
            0,
            (length + Block - 1) / Block,
            new ParallelOptions { MaxDegreeOfParallelism = get_num_threads() },
            block =>
            {
                int start = block * Block,
                    count = Math.Min(Block, length - start);
                var found = StepBlock(
                    new(p + start, count),
                    new(g + start, count),
                    new(m + start, count),
                    new(v + start, count),
                    new(a + start, count),
                    s
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
            var first = (float)Beta1 * new Vector<float>(m[i..]) + (float)(1 - Beta1) * gradient;
            var second = (float)Beta2 * new Vector<float>(v[i..]) + (float)(1 - Beta2) * gradient * gradient;
            var step = s.Rate * first / (Vector.SquareRoot(second) * s.RootScale + new Vector<float>((float)Epsilon));
            var weight = new Vector<float>(p[i..]) - step;
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
            m[i] = (float)Beta1 * m[i] + (float)(1 - Beta1) * gradient;
            v[i] = (float)Beta2 * v[i] + (float)(1 - Beta2) * gradient * gradient;
            p[i] -= s.Rate * m[i] / (MathF.Sqrt(v[i]) * s.RootScale + (float)Epsilon);
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

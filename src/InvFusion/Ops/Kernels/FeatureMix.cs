using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// gelu(W [y; z] + b), the fusion of m measured features with the real measurement (InvFusion, section 3), for measurement entries that lie as tokens do: all
/// features of an entry together, and within a feature its C channels. It owns a copy of the weights that is laid out for it; copies of the struct share that.
/// </summary>
internal readonly unsafe struct FeatureMix : IDisposable
{
    private readonly float* _weights; // [m + 1, padded m]: what input j gives to each output, y first
    private readonly float* _bias; // [padded m]

    /// <summary>Lays the weights out.</summary>
    /// <param name="weight">W, <c>[m, m + 1]</c> row by row.</param>
    /// <param name="bias">b, <c>[m]</c>.</param>
    public FeatureMix(ReadOnlySpan<float> weight, ReadOnlySpan<float> bias)
    {
        Features = bias.Length;
        Padded = Lanes.Padded(Features);
        _weights = (float*)NativeMemory.AlignedAlloc((nuint)((Features + 2) * Padded * sizeof(float)), 64);
        _bias = _weights + (Features + 1) * Padded;
        new Span<float>(_weights, (Features + 2) * Padded).Clear();
        for (var f = 0; f < Features; f++)
        for (var j = 0; j <= Features; j++)
            _weights[j * Padded + f] = weight[f * (Features + 1) + j];
        bias.CopyTo(new(_bias, Features));
    }

    /// <summary>m.</summary>
    public int Features { get; }

    /// <summary>m rounded up to whole vectors.</summary>
    public int Padded { get; }

    /// <summary>W[<paramref name="output"/>, <paramref name="input"/>]; input 0 is y.</summary>
    public float Weight(int output, int input) => _weights[input * Padded + output];

    /// <summary>b[<paramref name="output"/>].</summary>
    public float Bias(int output) => _bias[output];

    /// <summary>W and b as tensors of the caller's.</summary>
    public (Tensor Weight, Tensor Bias) ToTensors()
    {
        var weight = new float[Features * (Features + 1)];
        for (var i = 0; i < weight.Length; i++)
            weight[i] = Weight(i / (Features + 1), i % (Features + 1));
        return (tensor(weight, [Features, Features + 1]), tensor(new ReadOnlySpan<float>(_bias, Features).ToArray()));
    }

    /// <summary>Sixteen entries at once, whatever the number of features.</summary>
    /// <param name="y">Their real measurements, <c>[16]</c>.</param>
    /// <param name="z">Their features, <c>[m, 16]</c>.</param>
    /// <param name="output"><c>[m, 16]</c>, not where <paramref name="z"/> is.</param>
    public void Sixteen(float* y, float* z, float* output)
    {
        var measured = Vector512.Load(y);
        var f = 0;
        for (; f + 4 <= Features; f += 4)
        {
            var w = _weights + f;
            var a = Vector512.FusedMultiplyAdd(Vector512.Create(w[0]), measured, Vector512.Create(_bias[f]));
            var b = Vector512.FusedMultiplyAdd(Vector512.Create(w[1]), measured, Vector512.Create(_bias[f + 1]));
            var c = Vector512.FusedMultiplyAdd(Vector512.Create(w[2]), measured, Vector512.Create(_bias[f + 2]));
            var d = Vector512.FusedMultiplyAdd(Vector512.Create(w[3]), measured, Vector512.Create(_bias[f + 3]));
            for (var j = 0; j < Features; j++)
            {
                w += Padded;
                var value = Vector512.Load(z + j * Lanes.Width);
                a = Vector512.FusedMultiplyAdd(Vector512.Create(w[0]), value, a);
                b = Vector512.FusedMultiplyAdd(Vector512.Create(w[1]), value, b);
                c = Vector512.FusedMultiplyAdd(Vector512.Create(w[2]), value, c);
                d = Vector512.FusedMultiplyAdd(Vector512.Create(w[3]), value, d);
            }
            Lanes.Gelu(a).Store(output + f * Lanes.Width);
            Lanes.Gelu(b).Store(output + (f + 1) * Lanes.Width);
            Lanes.Gelu(c).Store(output + (f + 2) * Lanes.Width);
            Lanes.Gelu(d).Store(output + (f + 3) * Lanes.Width);
        }
        for (; f < Features; f++)
        {
            var w = _weights + f;
            var sum = Vector512.FusedMultiplyAdd(Vector512.Create(*w), measured, Vector512.Create(_bias[f]));
            for (var j = 0; j < Features; j++)
                sum = Vector512.FusedMultiplyAdd(Vector512.Create(*(w += Padded)), Vector512.Load(z + j * Lanes.Width), sum);
            Lanes.Gelu(sum).Store(output + f * Lanes.Width);
        }
    }

    /// <summary>The way back through <see cref="Sixteen"/>.</summary>
    /// <param name="y">The real measurements, <c>[16]</c>.</param>
    /// <param name="z">The features, <c>[m, 16]</c>.</param>
    /// <param name="slopes">The gradient of the output, <c>[m, 16]</c>.</param>
    /// <param name="toZ">The gradient of the features, <c>[m, 16]</c>.</param>
    /// <param name="sums">The gradients of W and b, entry by entry, are added to these: <c>[m, m + 2, 16]</c>, b last.</param>
    public void SixteenBack(float* y, float* z, float* slopes, float* toZ, float* sums)
    {
        new Span<float>(toZ, Features * Lanes.Width).Clear();
        var measured = Vector512.Load(y);
        for (var f = 0; f < Features; f++, slopes += Lanes.Width)
        {
            var w = _weights + f;
            var a = Vector512.FusedMultiplyAdd(Vector512.Create(*w), measured, Vector512.Create(_bias[f]));
            for (var j = 0; j < Features; j++)
                a = Vector512.FusedMultiplyAdd(Vector512.Create(w[(j + 1) * Padded]), Vector512.Load(z + j * Lanes.Width), a);
            var (cdf, density) = Lanes.Normal(a);
            var slope = Vector512.Load(slopes) * Vector512.FusedMultiplyAdd(a, density, cdf);
            Add(slope, measured, ref sums);
            for (var j = 0; j < Features; j++)
            {
                Add(slope, Vector512.Load(z + j * Lanes.Width), ref sums);
                var to = toZ + j * Lanes.Width;
                Vector512.FusedMultiplyAdd(Vector512.Create(w[(j + 1) * Padded]), slope, Vector512.Load(to)).Store(to);
            }
            Add(slope, Vector512<float>.One, ref sums);
        }

        static void Add(Vector512<float> slope, Vector512<float> by, ref float* sums)
        {
            Vector512.FusedMultiplyAdd(slope, by, Vector512.Load(sums)).Store(sums);
            sums += Lanes.Width;
        }
    }

    /// <summary>Numbers of the gradients of W and b.</summary>
    public int SumLength => Features * (Features + 2);

    /// <summary>What sixteen entries left in the lanes of <see cref="SixteenBack"/>'s sums: <c>[m, m + 2]</c>.</summary>
    public void AddUp(float* sums, float* to)
    {
        for (var i = 0; i < SumLength; i++)
            to[i] = Vector512.Sum(Vector512.Load(sums + i * Lanes.Width));
    }

    /// <summary>Wᵀ alone, without y and b: the way back to the features. The caller disposes.</summary>
    public FeatureMix Transposed()
    {
        var weight = new float[Features * (Features + 1)];
        for (var f = 0; f < Features; f++)
        for (var j = 0; j < Features; j++)
            weight[j * (Features + 1) + f + 1] = Weight(f, j + 1);
        return new(weight, new float[Features]);
    }

    /// <summary>Releases the copy of the weights.</summary>
    public void Dispose() => NativeMemory.AlignedFree(_weights);
}

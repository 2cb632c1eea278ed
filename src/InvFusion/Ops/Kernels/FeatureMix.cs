using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// gelu(W [y; z] + b), the fusion of m measured features with the real measurement (InvFusion, section 3), for measurement entries that lie as tokens do: all
/// features of an entry together, and within a feature its C channels. One for each weight matrix; it owns a copy that is laid out for it.
/// </summary>
internal sealed unsafe class FeatureMix : IDisposable
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

    /// <summary>Floats of scratch that <see cref="Entry"/> wants.</summary>
    public int Scratch => Padded;

    /// <summary>One entry of one channel.</summary>
    /// <param name="y">The real measurement.</param>
    /// <param name="z">Its features, feature f at <c>z[f · stride]</c>.</param>
    /// <param name="output">As <paramref name="z"/>, which it may be.</param>
    /// <param name="stride">C, where channels lie inside features.</param>
    /// <param name="scratch"><see cref="Scratch"/> floats.</param>
    public void Entry(float y, float* z, float* output, int stride, float* scratch)
    {
        for (var f = 0; f < Padded; f += Lanes.Width)
        {
            var sum = Vector512.FusedMultiplyAdd(Vector512.Create(y), Vector512.Load(_weights + f), Vector512.Load(_bias + f));
            var row = _weights + Padded + f;
            for (var j = 0; j < Features; j++, row += Padded)
                sum = Vector512.FusedMultiplyAdd(Vector512.Create(z[j * stride]), Vector512.Load(row), sum);
            Lanes.Gelu(sum).Store(scratch + f);
        }
        for (var f = 0; f < Features; f++)
            output[f * stride] = scratch[f];
    }

    /// <summary>One entry of three channels, the common case, at once: <see cref="Entry"/> for each would wait for its own sums.</summary>
    /// <param name="y">Three numbers.</param>
    /// <param name="z"><c>[m, 3]</c>.</param>
    /// <param name="output">As <paramref name="z"/>, which it may be.</param>
    /// <param name="scratch">Three times <see cref="Scratch"/> floats.</param>
    public void EntryOfThree(float* y, float* z, float* output, float* scratch)
    {
        for (var f = 0; f < Padded; f += Lanes.Width)
        {
            Vector512<float> bias = Vector512.Load(_bias + f),
                first = Vector512.Load(_weights + f);
            var a = Vector512.FusedMultiplyAdd(Vector512.Create(y[0]), first, bias);
            var b = Vector512.FusedMultiplyAdd(Vector512.Create(y[1]), first, bias);
            var c = Vector512.FusedMultiplyAdd(Vector512.Create(y[2]), first, bias);
            var row = _weights + Padded + f;
            for (var j = 0; j < Features; j++, row += Padded)
            {
                var weights = Vector512.Load(row);
                a = Vector512.FusedMultiplyAdd(Vector512.Create(z[3 * j]), weights, a);
                b = Vector512.FusedMultiplyAdd(Vector512.Create(z[3 * j + 1]), weights, b);
                c = Vector512.FusedMultiplyAdd(Vector512.Create(z[3 * j + 2]), weights, c);
            }
            Lanes.Gelu(a).Store(scratch + f);
            Lanes.Gelu(b).Store(scratch + Padded + f);
            Lanes.Gelu(c).Store(scratch + 2 * Padded + f);
        }
        for (var f = 0; f < Features; f++)
        for (var channel = 0; channel < 3; channel++)
            output[3 * f + channel] = scratch[channel * Padded + f];
    }

    /// <summary>Releases the copy of the weights.</summary>
    public void Dispose() => NativeMemory.AlignedFree(_weights);
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// A <see cref="FeatureMix"/> whose outputs lie as its inputs do, (feature, channel), in whole vectors: lane f·C + c has the weights of feature f and reads channel c.
/// </summary>
internal readonly unsafe struct LaneMix : IDisposable
{
    /// <summary>The most channels there may be.</summary>
    public const int MostChannels = Lanes.Width;

    private readonly int _features;
    private readonly float* _weights; // [m + 1, padded]: y's, then each feature's
    private readonly float* _bias; // [padded]
    private readonly int* _channel; // [padded]: c of each lane

    /// <summary>Lays the weights out.</summary>
    /// <param name="mix">W and b.</param>
    /// <param name="channels">C, at most <see cref="MostChannels"/>.</param>
    public LaneMix(FeatureMix mix, int channels)
    {
        (_features, Channels) = (mix.Features, channels);
        Padded = Lanes.Padded(Images);
        var length = (_features + 3) * Padded;
        _weights = (float*)NativeMemory.AlignedAlloc((nuint)(length * sizeof(float)), 64);
        new Span<float>(_weights, length).Clear();
        _bias = _weights + (_features + 1) * Padded;
        _channel = (int*)(_bias + Padded);
        for (var lane = 0; lane < Padded; lane++)
            _channel[lane] = lane % channels;
        for (var lane = 0; lane < Images; lane++)
        {
            _bias[lane] = mix.Bias(lane / channels);
            for (var j = 0; j <= _features; j++)
                _weights[j * Padded + lane] = mix.Weight(lane / channels, j);
        }
    }

    /// <summary>C.</summary>
    public int Channels { get; }

    /// <summary>m·C.</summary>
    public int Images => _features * Channels;

    /// <summary>m·C rounded up to whole vectors.</summary>
    public int Padded { get; }

    /// <summary>Floats that an input of <see cref="Products"/> must have, whatever they are behind the m·C.</summary>
    public int Readable => Padded + Lanes.Width;

    /// <summary>Σ_f W[·, f] z_f of two entries.</summary>
    /// <param name="first">z of the first, <see cref="Readable"/> floats.</param>
    /// <param name="second">z of the second.</param>
    /// <param name="firstSums">Its sums, <see cref="Padded"/> floats.</param>
    /// <param name="secondSums">Likewise.</param>
    public void Products(float* first, float* second, float* firstSums, float* secondSums)
    {
        var lane = 0;
        for (; lane + 3 * Lanes.Width <= Padded; lane += 3 * Lanes.Width)
            ThreeVectors(lane, first, second, firstSums + lane, secondSums + lane);
        for (; lane < Padded; lane += Lanes.Width)
            OneVector(lane, first, second, firstSums + lane, secondSums + lane);
    }

    /// <summary>W[·, 0] y + b for sixteen lanes.</summary>
    /// <param name="lane">The first of them.</param>
    /// <param name="y">The real measurement of each channel, in the lower lanes.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Start(int lane, Vector512<float> y) =>
        Vector512.FusedMultiplyAdd(Spread(y, lane), Vector512.Load(_weights + lane), Vector512.Load(_bias + lane));

    /// <summary>Floats that gradients of W and b take while they are summed up lane by lane, <c>[m + 2, padded]</c>: y's, then each feature's, then b's.</summary>
    public int SumLength => (_features + 2) * Padded;

    /// <summary>Floats of the gradients of W and b, <c>[m, m + 2]</c>.</summary>
    public int GradientLength => _features * (_features + 2);

    /// <summary>The way back through <see cref="Start"/>: adds what sixteen lanes give to the sums of y's weights and of b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddStarts(int lane, Vector512<float> y, Vector512<float> slope, float* sums)
    {
        float* weight = sums + lane,
            bias = sums + (_features + 1) * Padded + lane;
        Vector512.FusedMultiplyAdd(slope, Spread(y, lane), Vector512.Load(weight)).Store(weight);
        (Vector512.Load(bias) + slope).Store(bias);
    }

    /// <summary>The way back through <see cref="Products"/> to the weights: adds what two entries give.</summary>
    /// <param name="first">z of the first.</param>
    /// <param name="second">z of the second.</param>
    /// <param name="firstSlopes">The gradient of its sums, <see cref="Padded"/> floats.</param>
    /// <param name="secondSlopes">Likewise.</param>
    /// <param name="sums"><see cref="SumLength"/> floats.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void AddProducts(float* first, float* second, float* firstSlopes, float* secondSlopes, float* sums)
    {
        for (var lane = 0; lane < Padded; lane += Lanes.Width)
        {
            Vector512<float> a = Vector512.Load(firstSlopes + lane),
                b = Vector512.Load(secondSlopes + lane);
            var channels = Vector512.Load(_channel + lane);
            var to = sums + Padded + lane;
            for (var f = 0; f < _features; f++, to += Padded)
            {
                var sum = Vector512.FusedMultiplyAdd(
                    a,
                    Vector512.ShuffleNative(Vector512.Load(first + f * Channels), channels),
                    Vector512.Load(to)
                );
                Vector512.FusedMultiplyAdd(b, Vector512.ShuffleNative(Vector512.Load(second + f * Channels), channels), sum).Store(to);
            }
        }
    }

    /// <summary>Channels of a feature together: <see cref="SumLength"/> floats → <c>[m, m + 2]</c>.</summary>
    public void AddUp(float* sums, float* to)
    {
        for (var f = 0; f < _features; f++)
        for (var j = 0; j < _features + 2; j++)
        {
            var sum = 0f;
            for (var c = 0; c < Channels; c++)
                sum += sums[j * Padded + f * Channels + c];
            *to++ = sum;
        }
    }

    /// <summary>Releases the copy of the weights.</summary>
    public void Dispose() => NativeMemory.AlignedFree(_weights);

    // Six sums at once, so that none waits for the one before it.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ThreeVectors(int lane, float* first, float* second, float* firstSums, float* secondSums)
    {
        Vector512<float> a0 = default,
            a1 = default,
            a2 = default,
            b0 = default,
            b1 = default,
            b2 = default;
        Vector512<int> c0 = Vector512.Load(_channel + lane),
            c1 = Vector512.Load(_channel + lane + Lanes.Width),
            c2 = Vector512.Load(_channel + lane + 2 * Lanes.Width);
        var row = _weights + Padded + lane;
        for (var f = 0; f < _features; f++, row += Padded, first += Channels, second += Channels)
        {
            Vector512<float> z = Vector512.Load(first),
                w0 = Vector512.Load(row),
                w1 = Vector512.Load(row + Lanes.Width),
                w2 = Vector512.Load(row + 2 * Lanes.Width);
            a0 = Vector512.FusedMultiplyAdd(Vector512.ShuffleNative(z, c0), w0, a0);
            a1 = Vector512.FusedMultiplyAdd(Vector512.ShuffleNative(z, c1), w1, a1);
            a2 = Vector512.FusedMultiplyAdd(Vector512.ShuffleNative(z, c2), w2, a2);
            z = Vector512.Load(second);
            b0 = Vector512.FusedMultiplyAdd(Vector512.ShuffleNative(z, c0), w0, b0);
            b1 = Vector512.FusedMultiplyAdd(Vector512.ShuffleNative(z, c1), w1, b1);
            b2 = Vector512.FusedMultiplyAdd(Vector512.ShuffleNative(z, c2), w2, b2);
        }
        a0.Store(firstSums);
        a1.Store(firstSums + Lanes.Width);
        a2.Store(firstSums + 2 * Lanes.Width);
        b0.Store(secondSums);
        b1.Store(secondSums + Lanes.Width);
        b2.Store(secondSums + 2 * Lanes.Width);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void OneVector(int lane, float* first, float* second, float* firstSums, float* secondSums)
    {
        Vector512<float> a = default,
            b = default;
        var row = _weights + Padded + lane;
        for (var f = 0; f < _features; f++, row += Padded)
        {
            var w = Vector512.Load(row);
            a = Vector512.FusedMultiplyAdd(Spread(Vector512.Load(first + f * Channels), lane), w, a);
            b = Vector512.FusedMultiplyAdd(Spread(Vector512.Load(second + f * Channels), lane), w, b);
        }
        a.Store(firstSums);
        b.Store(secondSums);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector512<float> Spread(Vector512<float> channels, int lane) =>
        Vector512.ShuffleNative(channels, Vector512.Load(_channel + lane));
}

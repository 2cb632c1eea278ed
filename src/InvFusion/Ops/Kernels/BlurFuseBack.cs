using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using InvFusion.Runtime;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// The way back through <see cref="BlurFuse"/>: from the spectral entries of x and of the output's gradient to those of the tokens' gradient and, for each column of
/// entries, the gradients of W and b. An item is a column of entries of a sample with its mirror image.
/// </summary>
/// <remarks>
/// With real and imaginary parts as numbers, H⁺ = Hᵀ/(hw E): the gradient of gelu(…) is H of the given one over hw E, and what goes back through Hᵀ is hw times what
/// goes back through H⁺ without its E.
/// </remarks>
/// <param name="job">The whole, with the entries of x; they become those of the tokens' gradient.</param>
/// <param name="gradient">The same with the entries of the gradient of what was computed.</param>
/// <param name="back">Wᵀ.</param>
/// <param name="sums">Gradients of W and b, <c>[B, items, m, m + 2]</c>, b last.</param>
internal readonly unsafe struct BlurFuseBack(BlurJob job, BlurJob gradient, LaneMix back, float* sums) : IRangeWork
{
    [ThreadStatic]
    private static Scratch? t_scratch;

    private readonly BlurJob _job = job;
    private readonly BlurEntries _entries = new(job);
    private readonly BlurJob _gradient = gradient;
    private readonly LaneMix _back = back;

    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        // y of each channel; z, W z, the gradient's entries and the slopes, each real part before imaginary part; sums.
        var (rows, columns, length) = (_job.EntryRows, _job.EntryColumns, _job.EntrySize + Lanes.Width);
        var buffers = Scratch.Floats(ref t_scratch, 4 * Lanes.Width + 8L * length + _job.Mix.SumLength);
        new Span<float>(buffers, 4 * Lanes.Width + 8 * length).Clear();
        var all = buffers + 4 * Lanes.Width + 8 * length;
        for (var item = start; item < end; item++)
        {
            var (sample, column) = Math.DivRem(item, BlurFuse.Items(_job));
            var mirror = (columns - column) % columns;
            new Span<float>(all, _job.Mix.SumLength).Clear();
            var last = column == mirror ? rows / 2 : rows - 1;
            for (var row = 0; row <= last; row++)
                Fuse((sample, row, column), ((rows - row) % rows, mirror), buffers, length, all);
            _job.Mix.AddUp(all, sums + ((long)(_job.First + sample) * BlurFuse.Items(_job) + column) * _job.Mix.GradientLength);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Fuse((int Sample, int Row, int Column) at, (int Row, int Column) mirror, float* buffers, int length, float* all)
    {
        var sample = _job.First + at.Sample;
        var inverse = _job.InverseEnergy + (_job.Shared ? 0 : sample * _entries.Plane);
        int here = at.Row * _job.EntryColumns + at.Column,
            there = mirror.Row * _job.EntryColumns + mirror.Column;
        float* left = _job.EntryColumn(at.Sample, at.Column) + at.Row * _job.EntrySize,
            right = _job.EntryColumn(at.Sample, mirror.Column) + mirror.Row * _job.EntrySize;
        var norm = 1f / _entries.Plane;
        var (gain, mirrorGain) = (inverse[here] * norm, inverse[there] * norm);
        if (gain == 0 && mirrorGain == 0)
        {
            new Span<float>(left, _job.EntrySize).Clear();
            new Span<float>(right, _job.EntrySize).Clear();
            return;
        }
        if (here == there) // one entry, which is met twice
            (gain, mirrorGain) = (gain / 2, mirrorGain / 2);
        float* z = buffers + 4 * Lanes.Width,
            mixed = z + 2 * length,
            given = mixed + 2 * length,
            slopes = given + 2 * length;
        _entries.ReadMeasurement(sample, here, buffers);
        _entries.ReadMeasurement(sample, there, buffers + 2 * Lanes.Width);
        _entries.Separate(left, right, z, length);
        _entries.Separate(
            _gradient.EntryColumn(at.Sample, at.Column) + at.Row * _job.EntrySize,
            _gradient.EntryColumn(at.Sample, mirror.Column) + mirror.Row * _job.EntrySize,
            given,
            length
        );
        _job.Mix.Products(z, z + length, mixed, mixed + length);
        Slopes(buffers, mixed, given, slopes, length, gain, mirrorGain, all);
        _job.Mix.AddProducts(z, z + length, slopes, slopes + length, all);
        _back.Products(slopes, slopes + length, mixed, mixed + length);
        // Half of a sum, the mean over the aliases, and what was halved above.
        var by = (here == there ? 1f : 0.5f) / (_job.Stride * _job.Stride);
        for (var i = 0; i < 2 * length; i += Lanes.Width)
            (Vector512.Load(mixed + i) * by).Store(mixed + i);
        _entries.Join(left, right, mixed, length);
    }

    // The gradients of the sums in gelu: of the real parts at both places together, and of the imaginary ones, whose signs differ.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Slopes(float* y, float* mixed, float* given, float* slopes, int length, float gain, float mirrorGain, float* all)
    {
        Vector512<float> yReal = Vector512.Load(y),
            yImaginary = Vector512.Load(y + Lanes.Width),
            mirrorReal = Vector512.Load(y + 2 * Lanes.Width),
            mirrorImaginary = Vector512.Load(y + 3 * Lanes.Width);
        for (var lane = 0; lane < _job.Mix.Padded; lane += Lanes.Width)
        {
            Vector512<float> real = Vector512.Load(mixed + lane),
                imaginary = Vector512.Load(mixed + length + lane),
                toReal = Vector512.Load(given + lane),
                toImaginary = Vector512.Load(given + length + lane);
            var a = Slope(_job.Mix.Start(lane, yReal) + real) * toReal * gain;
            var b = Slope(_job.Mix.Start(lane, mirrorReal) + real) * toReal * mirrorGain;
            var c = Slope(_job.Mix.Start(lane, yImaginary) + imaginary) * toImaginary * gain;
            var d = Slope(_job.Mix.Start(lane, mirrorImaginary) - imaginary) * toImaginary * -mirrorGain;
            (a + b).Store(slopes + lane);
            (c - d).Store(slopes + length + lane);
            _job.Mix.AddStarts(lane, yReal, a, all);
            _job.Mix.AddStarts(lane, mirrorReal, b, all);
            _job.Mix.AddStarts(lane, yImaginary, c, all);
            _job.Mix.AddStarts(lane, mirrorImaginary, d, all);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Slope(Vector512<float> x)
    {
        var (cdf, density) = Lanes.Normal(x);
        return Vector512.FusedMultiplyAdd(x, density, cdf);
    }
}

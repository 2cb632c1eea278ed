using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using InvFusion.Runtime;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// gelu(W [y; z] + b) / E at every entry, of which the Hermitian part is kept: the rest has no part in a real image. An item is a column of entries of a sample with its
/// mirror image.
/// </summary>
/// <remarks>
/// z is Hermitian, so the products with W are the same at an entry and at its mirror image, but for the imaginary part's sign; y need not be.
/// </remarks>
/// <param name="job">The whole.</param>
internal readonly unsafe struct BlurFuse(BlurJob job) : IRangeWork
{
    [ThreadStatic]
    private static Scratch? t_scratch;

    private readonly BlurJob _job = job;
    private readonly BlurEntries _entries = new(job);

    /// <summary>Items of a sample.</summary>
    public static int Items(in BlurJob job) => job.EntryColumns / 2 + 1;

    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        // Of an entry and its mirror image: y of each channel, z, and W z; real part before imaginary part.
        var (rows, columns, length) = (_job.EntryRows, _job.EntryColumns, _job.EntrySize + Lanes.Width);
        var buffers = Scratch.Floats(ref t_scratch, 4 * Lanes.Width + 4L * length);
        new Span<float>(buffers, 4 * Lanes.Width + 4 * length).Clear();
        for (var item = start; item < end; item++)
        {
            var (sample, column) = Math.DivRem(item, Items(_job));
            var mirror = (columns - column) % columns;
            float* left = _job.EntryColumn(sample, column),
                right = _job.EntryColumn(sample, mirror);
            var last = column == mirror ? rows / 2 : rows - 1;
            for (var row = 0; row <= last; row++)
                Fuse((sample, row, column), ((rows - row) % rows, mirror), left, right, buffers, length);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Fuse(
        (int Sample, int Row, int Column) at,
        (int Row, int Column) mirror,
        float* left,
        float* right,
        float* buffers,
        int length
    )
    {
        left += at.Row * _job.EntrySize;
        right += mirror.Row * _job.EntrySize;
        var sample = _job.First + at.Sample;
        var inverse = _job.InverseEnergy + (_job.Shared ? 0 : sample * _entries.Plane);
        int here = at.Row * _job.EntryColumns + at.Column,
            there = mirror.Row * _job.EntryColumns + mirror.Column;
        // Half of a sum, and the inverse transform's norm.
        var norm = 1 / (8f * _job.Height * _job.Width);
        var (gain, mirrorGain) = (inverse[here] * norm, inverse[there] * norm);
        if (gain == 0 && mirrorGain == 0)
        {
            new Span<float>(left, _job.EntrySize).Clear();
            new Span<float>(right, _job.EntrySize).Clear();
            return;
        }
        float* z = buffers + 4 * Lanes.Width,
            sums = z + 2 * length;
        _entries.ReadMeasurement(sample, here, buffers);
        _entries.ReadMeasurement(sample, there, buffers + 2 * Lanes.Width);
        _entries.Separate(left, right, z, length);
        _job.Mix.Products(z, z + length, sums, sums + length);
        Activate(buffers, sums, length, gain, mirrorGain);
        _entries.Join(left, right, sums, length);
    }

    // From W z to the Hermitian part of gelu(W [y; z] + b) / E.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Activate(float* y, float* sums, int length, float gain, float mirrorGain)
    {
        Vector512<float> yReal = Vector512.Load(y),
            yImaginary = Vector512.Load(y + Lanes.Width),
            mirrorReal = Vector512.Load(y + 2 * Lanes.Width),
            mirrorImaginary = Vector512.Load(y + 3 * Lanes.Width),
            here = Vector512.Create(gain),
            there = Vector512.Create(mirrorGain);
        for (var lane = 0; lane < _job.Mix.Padded; lane += Lanes.Width)
        {
            Vector512<float> real = Vector512.Load(sums + lane),
                imaginary = Vector512.Load(sums + length + lane);
            var sum = Lanes.Gelu(_job.Mix.Start(lane, yReal) + real) * here + Lanes.Gelu(_job.Mix.Start(lane, mirrorReal) + real) * there;
            var difference =
                Lanes.Gelu(_job.Mix.Start(lane, yImaginary) + imaginary) * here
                - Lanes.Gelu(_job.Mix.Start(lane, mirrorImaginary) - imaginary) * there;
            sum.Store(sums + lane);
            difference.Store(sums + length + lane);
        }
    }
}

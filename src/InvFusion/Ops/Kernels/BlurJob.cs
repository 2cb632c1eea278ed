using System.Runtime.CompilerServices;
using InvFusion.Runtime;
using ComplexLanes = InvFusion.Ops.Kernels.ComplexLanes<float>;
using LaneFourier = InvFusion.Ops.Kernels.LaneFourier<float>;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// The feature degradation of a strided blur on a doubled canvas, in three passes: <see cref="BlurMeasure"/> takes tokens to spectral entries, <see cref="BlurFuse"/>
/// fuses each entry with the real measurement, <see cref="BlurReturn"/> takes the entries back to tokens. Raw pointers and sizes, for some samples of a batch.
/// </summary>
/// <remarks>
/// In a token the m·C numbers of a pixel lie together, so sixteen of them are a vector and every step of a transform works on whole vectors, straight from and to the
/// tokens. Images are real: two groups of sixteen are transformed as real and imaginary part of one signal (a pair), and come apart by symmetry at the entries. A
/// pair's canvas stays in the processor's own cache. Notation: image H×W, stride s, h = 2H/s, w = 2W/s.
/// </remarks>
internal unsafe struct BlurJob
{
    [ThreadStatic]
    private static Scratch? t_entries;

    /// <summary>x, <c>[B, H/P, W/P, P, P, m·C]</c>.</summary>
    public float* Tokens;

    /// <summary>g, as <see cref="Tokens"/>.</summary>
    public float* Output;

    /// <summary>y, <c>[B, C, h, w, 2]</c>.</summary>
    public float* Measurements;

    /// <summary>F, <c>[B or 1, 2H, W+1, 2]</c>.</summary>
    public float* Spectrum;

    /// <summary>1/E, or 0 where E is, <c>[B or 1, h, w]</c>.</summary>
    public float* InverseEnergy;

    /// <summary>z, then what is fused from it: <c>[samples at once, w, h, pairs, 2, 16]</c>.</summary>
    public float* Entries;

    /// <summary>W and b.</summary>
    public readonly LaneMix Mix;

    /// <summary>Transforms of W points.</summary>
    public readonly LaneFourier Rows;

    /// <summary>Transforms of H points.</summary>
    public readonly LaneFourier Columns;

    /// <summary>P.</summary>
    public readonly int Patch;

    /// <summary>m·C.</summary>
    public readonly int Images;

    /// <summary>C.</summary>
    public readonly int Channels;

    /// <summary>s.</summary>
    public readonly int Stride;

    /// <summary>h.</summary>
    public readonly int EntryRows;

    /// <summary>w.</summary>
    public readonly int EntryColumns;

    /// <summary>Groups of 32 images, the last of which may be a part.</summary>
    public readonly int Pairs;

    /// <summary>Floats of an entry.</summary>
    public readonly int EntrySize;

    /// <summary>Whether one blur serves every sample.</summary>
    public bool Shared;

    /// <summary>The sample that comes first in <see cref="Entries"/>.</summary>
    public int First;

    /// <summary>Sizes; the pointers come after.</summary>
    /// <param name="rows">Transforms of W points.</param>
    /// <param name="columns">Transforms of H points.</param>
    /// <param name="stride">s.</param>
    /// <param name="patch">P.</param>
    /// <param name="mix">W and b.</param>
    public BlurJob(LaneFourier rows, LaneFourier columns, int stride, int patch, LaneMix mix)
    {
        (Rows, Columns, Stride, Patch, Mix) = (rows, columns, stride, patch, mix);
        (Images, Channels) = (mix.Images, mix.Channels);
        (EntryRows, EntryColumns) = (2 * columns.Length / stride, 2 * rows.Length / stride);
        Pairs = (Images + ComplexLanes.Size - 1) / ComplexLanes.Size;
        EntrySize = Pairs * ComplexLanes.Size;
    }

    /// <summary>H.</summary>
    public readonly int Height => Columns.Length;

    /// <summary>W.</summary>
    public readonly int Width => Rows.Length;

    /// <summary>Does all samples.</summary>
    /// <param name="job">All but <see cref="Entries"/> and <see cref="First"/>.</param>
    /// <param name="samples">B.</param>
    /// <param name="threads">Samples that are done at a time, so that each thread has one at least.</param>
    public static void Run(BlurJob job, int samples, int threads)
    {
        job.Entries = Scratch.Floats(ref t_entries, Math.Min(samples, threads) * job.SampleEntries);
        for (; job.First < samples; job.First += threads)
        {
            var some = Math.Min(threads, samples - job.First);
            CpuTeam.For(some * job.Pairs, 1, new BlurMeasure(job));
            CpuTeam.For(some * BlurFuse.Items(job), 1, new BlurFuse(job));
            CpuTeam.For(some * job.Pairs, 1, new BlurReturn(job));
        }
    }

    /// <summary>The way back.</summary>
    /// <param name="job">As for <see cref="Run"/>; its output takes the gradient of the tokens.</param>
    /// <param name="samples">B.</param>
    /// <param name="threads">Samples that are done at a time.</param>
    /// <param name="slopes">The gradient of what was computed, as <see cref="Tokens"/>.</param>
    /// <param name="back">Wᵀ.</param>
    /// <param name="sums">Gradients of W and b, <c>[B, <see cref="BlurFuse.Items"/>, m, m + 2]</c>, b last.</param>
    public static void RunBack(BlurJob job, int samples, int threads, float* slopes, LaneMix back, float* sums)
    {
        var size = Math.Min(samples, threads) * job.SampleEntries;
        job.Entries = Scratch.Floats(ref t_entries, 2 * size);
        var gradient = job;
        gradient.Tokens = slopes;
        gradient.Entries += size;
        for (; job.First < samples; job.First += threads, gradient.First = job.First)
        {
            var some = Math.Min(threads, samples - job.First);
            CpuTeam.For(some * job.Pairs, 1, new BlurMeasure(job));
            CpuTeam.For(some * job.Pairs, 1, new BlurMeasure(gradient));
            CpuTeam.For(some * BlurFuse.Items(job), 1, new BlurFuseBack(job, gradient, back, sums));
            CpuTeam.For(some * job.Pairs, 1, new BlurReturn(job));
        }
    }

    /// <summary>The first pixel of a row of a sample.</summary>
    public readonly float* Row(float* tokens, int sample, int row)
    {
        var (token, inside) = Math.DivRem(row, Patch);
        return tokens + ((long)sample * Height + token * Patch) * Width * Images + (long)inside * Patch * Images;
    }

    /// <summary>Floats from a pixel of a row to the next one.</summary>
    public readonly int Step(int column) => ((column + 1 & Patch - 1) == 0 ? (Patch - 1) * Patch + 1 : 1) * Images;

    /// <summary>The first entry of a column, of a sample counted from <see cref="First"/> on; entries follow each other at <see cref="EntrySize"/>.</summary>
    public readonly float* EntryColumn(int sample, int column) => Entries + sample * SampleEntries + (long)column * EntryRows * EntrySize;

    /// <summary>One column of F, both halves of it: <c>[2H, 2]</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void KernelColumn(int sample, int column, float* to)
    {
        int rows = 2 * Height,
            stored = Width + 1;
        var from = Spectrum + (Shared ? 0 : 2L * sample * rows * stored);
        var mirrored = column >= stored;
        var sign = mirrored ? -1f : 1f;
        from += 2 * (mirrored ? 2 * Width - column : column);
        for (var row = 0; row < rows; row++)
        {
            var at = from + 2L * stored * (mirrored ? (rows - row) % rows : row);
            (to[2 * row], to[2 * row + 1]) = (at[0], sign * at[1]);
        }
    }

    private readonly long SampleEntries => (long)EntryRows * EntryColumns * EntrySize;
}

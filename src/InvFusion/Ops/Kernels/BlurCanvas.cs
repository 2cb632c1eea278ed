using ComplexLanes = InvFusion.Ops.Kernels.ComplexLanes<float>;

namespace InvFusion.Ops.Kernels;

/// <summary>What a thread works on for one pair of a <see cref="BlurJob"/>.</summary>
internal readonly unsafe ref struct BlurCanvas
{
    [ThreadStatic]
    private static Scratch? t_scratch;

    /// <summary>The left upper half of the canvas, transformed along its rows: column after column, each of H points.</summary>
    private readonly float* _columns;
    private readonly int _pitch;

    /// <summary>Takes the thread's own memory.</summary>
    public BlurCanvas(in BlurJob job)
    {
        // One point more than a column has: with a power of two between neighbours of a row, all of them would fight for the same places of the cache.
        _pitch = (job.Height + 1) * ComplexLanes.Size;
        int longest = Math.Max(job.Height, job.Width) * ComplexLanes.Size,
            sums = job.EntryRows * ComplexLanes.Size;
        _columns = Scratch.Floats(ref t_scratch, 2L * job.Width * _pitch + 2 * longest + sums + 4 * job.Height);
        Even = _columns + 2L * job.Width * _pitch;
        Odd = Even + longest;
        Sums = Odd + longest;
        Kernel = Sums + sums;
    }

    /// <summary>Points of which the even frequencies come.</summary>
    public float* Even { get; }

    /// <summary>Points of which the odd frequencies come.</summary>
    public float* Odd { get; }

    /// <summary>One column of entries.</summary>
    public float* Sums { get; }

    /// <summary>One column of F, <c>[2H, 2]</c>.</summary>
    public float* Kernel { get; }

    /// <summary>The first point of a column of the canvas.</summary>
    public float* Column(int column) => _columns + (long)column * _pitch;
}

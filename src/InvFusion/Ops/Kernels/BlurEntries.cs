using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using ComplexLanes = InvFusion.Ops.Kernels.ComplexLanes<float>;

namespace InvFusion.Ops.Kernels;

/// <summary>An entry of a <see cref="BlurJob"/> and its mirror image: the images of a pair come apart there, and together again.</summary>
/// <param name="job">The whole.</param>
internal readonly unsafe struct BlurEntries(BlurJob job)
{
    private readonly BlurJob _job = job;

    /// <summary>Entries of a channel.</summary>
    public long Plane => (long)_job.EntryRows * _job.EntryColumns;

    /// <summary>y of each channel, real parts and, a vector behind them, imaginary ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void ReadMeasurement(int sample, int entry, float* to)
    {
        var plane = Plane;
        var y = _job.Measurements + 2 * (sample * _job.Channels * plane + entry);
        for (var channel = 0; channel < _job.Channels; channel++, y += 2 * plane)
            (to[channel], to[Lanes.Width + channel]) = (y[0], y[1]);
    }

    /// <summary>Real and, <paramref name="length"/> behind them, imaginary parts of all images at an entry; at its mirror image they are the conjugates.</summary>
    /// <remarks>A pair is A + iB, both Hermitian; and the sum over the aliases becomes their mean.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Separate(float* left, float* right, float* z, int length)
    {
        var half = Vector512.Create(0.5f / (_job.Stride * _job.Stride));
        for (var at = 0; at < _job.EntrySize; at += ComplexLanes.Size)
        {
            ComplexLanes a = ComplexLanes.Load(left + at),
                b = ComplexLanes.Load(right + at);
            new ComplexLanes((a.Real + b.Real) * half, (a.Imaginary + b.Imaginary) * half).Store(z + at);
            new ComplexLanes((a.Imaginary - b.Imaginary) * half, (b.Real - a.Real) * half).Store(z + length + at);
        }
    }

    /// <summary>Back to pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Join(float* left, float* right, float* sums, int length)
    {
        for (var at = 0; at < _job.EntrySize; at += ComplexLanes.Size)
        {
            // Real and imaginary parts of A, then of B.
            ComplexLanes real = ComplexLanes.Load(sums + at),
                imaginary = ComplexLanes.Load(sums + length + at);
            new ComplexLanes(real.Real - imaginary.Imaginary, imaginary.Real + real.Imaginary).Store(left + at);
            new ComplexLanes(real.Real + imaginary.Imaginary, real.Imaginary - imaginary.Real).Store(right + at);
        }
    }
}

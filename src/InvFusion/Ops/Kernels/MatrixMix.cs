using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using InvFusion.Runtime;

namespace InvFusion.Ops.Kernels;

/// <summary>Adds the parts of a measurement up and mixes them with the real one: an item is a sample.</summary>
/// <param name="job">The whole.</param>
/// <param name="partial"><c>[B, parts, m, O]</c>, with what fills up panels.</param>
/// <param name="measurements">y, <c>[B, length]</c>.</param>
/// <param name="length">O.</param>
/// <param name="mix">W and b.</param>
/// <param name="mixed"><c>[B, m, length]</c>.</param>
internal readonly unsafe struct MatrixMix<T>(
    MatrixJob<T> job,
    float* partial,
    float* measurements,
    int length,
    FeatureMix mix,
    float* mixed
) : IRangeWork
    where T : unmanaged, ILane<T>
{
    /// <inheritdoc/>
    [SkipLocalsInit]
    public void Run(int start, int end)
    {
        var features = mix.Features;
        var z = stackalloc float[2 * features * Lanes.Width];
        var result = z + features * Lanes.Width;
        var y = stackalloc float[Lanes.Width];
        for (var sample = start; sample < end; sample++)
        for (var at = 0; at < length; at += Lanes.Width)
        {
            var count = Math.Min(Lanes.Width, length - at);
            Lanes.LoadFew((Float32Lane*)(measurements + (long)sample * length + at), count).Store(y);
            for (var f = 0; f < features; f++)
                Sum(sample, f, at).Store(z + f * Lanes.Width);
            mix.Sixteen(y, z, result);
            for (var f = 0; f < features; f++)
                new ReadOnlySpan<float>(result + f * Lanes.Width, count).CopyTo(
                    new(mixed + ((long)sample * features + f) * length + at, count)
                );
        }
    }

    private Vector512<float> Sum(int sample, int feature, int at)
    {
        var from = partial + (long)sample * MatrixJob<T>.Parts * job.Sums + feature * job.Panels.Measurements + at;
        var sum = Vector512.Load(from);
        for (var part = 1; part < MatrixJob<T>.Parts; part++)
            sum += Vector512.Load(from + (long)part * job.Sums);
        return sum;
    }
}

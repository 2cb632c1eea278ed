using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using InvFusion.Runtime;

namespace InvFusion.Ops.Kernels;

/// <summary>Adds the parts of a measurement up and mixes them with the real one, or is the way back through that: an item is a sample.</summary>
/// <param name="job">The whole.</param>
/// <param name="partial"><c>[B, parts, m, O]</c>, with what fills up panels.</param>
/// <param name="measurements">y, <c>[B, length]</c>.</param>
/// <param name="length">O.</param>
/// <param name="mix">W and b.</param>
/// <param name="mixed"><c>[B, m, length]</c>; on the way back the gradient of the measured features.</param>
/// <param name="slopes">On the way back the gradient of what was mixed, <c>[B, m, length]</c>; else null.</param>
/// <param name="sums">On the way back the gradients of W and b, <c>[B, m, m + 2]</c>, b last.</param>
internal readonly unsafe struct MatrixMix<T>(
    MatrixJob<T> job,
    float* partial,
    float* measurements,
    int length,
    FeatureMix mix,
    float* mixed,
    float* slopes = null,
    float* sums = null
) : IRangeWork
    where T : unmanaged, ILane<T>
{
    [ThreadStatic]
    private static Scratch? _scratch;

    /// <inheritdoc/>
    [SkipLocalsInit]
    public void Run(int start, int end)
    {
        var size = mix.Features * Lanes.Width;
        var sixteen = Scratch.Floats(ref _scratch, 3L * size + (slopes is null ? 0 : mix.SumLength * Lanes.Width));
        float* result = sixteen + size,
            given = result + size,
            all = given + size;
        var y = stackalloc float[Lanes.Width];
        for (var sample = start; sample < end; sample++)
        {
            if (slopes is not null)
                new Span<float>(all, mix.SumLength * Lanes.Width).Clear();
            for (var at = 0; at < length; at += Lanes.Width)
            {
                var count = Math.Min(Lanes.Width, length - at);
                Lanes.LoadFew((Float32Lane*)(measurements + (long)sample * length + at), count).Store(y);
                for (var f = 0; f < mix.Features; f++)
                    Sum(sample, f, at).Store(sixteen + f * Lanes.Width);
                if (slopes is null)
                    mix.Sixteen(y, sixteen, result);
                else
                {
                    for (var f = 0; f < mix.Features; f++)
                        Lanes.LoadFew((Float32Lane*)(slopes + Entry(sample, f, at)), count).Store(given + f * Lanes.Width);
                    mix.SixteenBack(y, sixteen, given, result, all);
                }
                for (var f = 0; f < mix.Features; f++)
                    new ReadOnlySpan<float>(result + f * Lanes.Width, count).CopyTo(new(mixed + Entry(sample, f, at), count));
            }
            if (slopes is not null)
                mix.AddUp(all, sums + (long)sample * mix.SumLength);
        }
    }

    private long Entry(int sample, int feature, int at) => ((long)sample * mix.Features + feature) * length + at;

    private Vector512<float> Sum(int sample, int feature, int at)
    {
        var from = partial + (long)sample * MatrixJob<T>.Parts * job.Sums + feature * job.Panels.Measurements + at;
        var sum = Vector512.Load(from);
        for (var part = 1; part < MatrixJob<T>.Parts; part++)
            sum += Vector512.Load(from + (long)part * job.Sums);
        return sum;
    }
}

using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Distributed;
using static TorchSharp.torch;

namespace InvFusion.Evaluation;

/// <summary>Images of a set, degraded in one way: the same operators and measurements however often they are read.</summary>
internal sealed class DegradedImages(IImageSet images, DegradationSpec degradation, ComparisonOptions options)
{
    public ImageShape Shape { get; } = new(images.Channels, images.Size, images.Size);

    /// <summary>
    /// Batches of the first images. Fewer images give the beginning of what more of them give: operators depend on where a batch begins, not on where it ends.
    /// Each batch ends when the next one is asked for.
    /// </summary>
    /// <param name="count">How many images.</param>
    /// <param name="ranks">Each rank gets every so many batches, whole ones: they are the same whoever reads them.</param>
    public IEnumerable<Batch> Read(int count, ICollective ranks)
    {
        for (var first = ranks.Rank * options.BatchSize; first < count; first += ranks.Size * options.BatchSize)
        {
            using var batch = ReadBatch(first, Math.Min(options.BatchSize, count - first));
            yield return batch;
        }
    }

    /// <summary>One batch, which the caller owns.</summary>
    public Batch ReadBatch(int first, int size)
    {
        using var scope = NewDisposeScope();
        var planes = new byte[size * Shape.Length];
        for (var i = 0; i < size; i++)
            images.Read(first + i, planes.AsSpan(i * Shape.Length, Shape.Length));
        var truth = Pictures.ToTensor(planes, Shape, options.Device);
        var op = degradation.Build(Shape, size, options.Seed + (ulong)first, options.Device);
        ulong[] seeds = [.. Enumerable.Range(first, size).Select(i => options.Seed + (ulong)i)];
        var y = MeasurementNoise.Add(op, op.Apply(truth.unsqueeze(1)), options.SigmaY, seeds);
        return new(first, seeds, truth.DetachFromDisposeScope(), op, y.DetachFromDisposeScope());
    }

    /// <summary>Images <c>[B, C, H, W]</c> with their operators, measurements <c>[B, 1, O]</c> and the seeds of their samples.</summary>
    public sealed record Batch(int First, ulong[] Seeds, Tensor Truth, LinearOperator Operator, Tensor Measurements) : IDisposable
    {
        public int Size => Seeds.Length;

        public void Dispose()
        {
            Truth.Dispose();
            Operator.Dispose();
            Measurements.Dispose();
        }
    }
}

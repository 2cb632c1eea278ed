using InvFusion.Distributed;
using InvFusion.Metrics.Statistics;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Scores;

/// <summary>Vectors of at most <see cref="Most"/> images, spread evenly over the set: the kernel distance needs them by themselves, and memory must not grow.</summary>
internal sealed class FeatureSample(int width, int images)
{
    /// <summary>How many vectors are kept at most.</summary>
    public const int Most = 5000;

    private const int RowsAtATime = 256;

    private readonly float[] _vectors = new float[Math.Min(images, Most) * width];
    private readonly int[] _image = [.. Enumerable.Repeat(-1, Math.Min(images, Most))]; // by slot

    /// <summary>Keeps the vector if it is one of the sample.</summary>
    public void Add(int image, ReadOnlySpan<float> vector)
    {
        if (SlotOf(image) is not { } slot)
            return;
        _image[slot] = image;
        vector.CopyTo(_vectors.AsSpan(slot * width, width));
    }

    /// <summary>Collects the vectors of all ranks: each slot is filled on one of them.</summary>
    public void Reduce(ICollective ranks)
    {
        if (ranks.Size == 1)
            return;
        double[] owners = [.. _image.Select(i => i + 1.0)];
        ranks.Reduce(owners, Reduction.Sum);
        for (var first = 0; first < _image.Length; first += RowsAtATime)
        {
            var part = _vectors.AsSpan(first * width, Math.Min(RowsAtATime, _image.Length - first) * width);
            var values = new double[part.Length];
            for (var i = 0; i < part.Length; i++)
                values[i] = part[i];
            ranks.Reduce(values, Reduction.Sum);
            for (var i = 0; i < part.Length; i++)
                part[i] = (float)values[i];
        }
        for (var slot = 0; slot < _image.Length; slot++)
            _image[slot] = (int)owners[slot] - 1;
    }

    /// <summary>The vectors that there are, <c>[n, D]</c>, and the group of each; in the current dispose scope.</summary>
    public (Tensor Vectors, int[] Groups) Vectors()
    {
        var slots = _image.Index().Where(s => s.Item >= 0).ToArray();
        var values = new float[slots.Length * width];
        foreach (var (row, (slot, _)) in slots.Index())
            _vectors.AsSpan(slot * width, width).CopyTo(values.AsSpan(row * width));
        return (tensor(values).view(-1, width), [.. slots.Select(s => Jackknife.GroupOf(s.Item))]);
    }

    private int? SlotOf(int image)
    {
        var size = _image.Length;
        var slot = (int)((long)image * size / images);
        var before = image == 0 ? -1 : (int)((image - 1L) * size / images);
        return slot == before ? null : slot;
    }
}

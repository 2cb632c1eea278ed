using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>Where queries, keys and values lie in the two projections of an attention block.</summary>
internal readonly record struct HeadProjections
{
    /// <summary>Finds them.</summary>
    /// <param name="fromTokens">(q | k | v) or (q | k | v | extra k), <c>[…, 3d or 4d]</c>, contiguous.</param>
    /// <param name="fromFeatures">(rest of extra k | extra v), <c>[…, 2d]</c>, contiguous; null where there are none.</param>
    /// <param name="shape">Sizes.</param>
    public HeadProjections(Tensor fromTokens, Tensor? fromFeatures, AttentionShape shape)
    {
        var d = shape.Heads * shape.HeadWidth;
        Queries = Part(fromTokens, 0, d);
        Ordinary = new(Part(fromTokens, 1, d), default, Part(fromTokens, 2, d));
        if (fromTokens.shape[^1] > 3 * d)
            Extra = fromFeatures is null
                ? new(Part(fromTokens, 3, d), default, default)
                : new(Part(fromTokens, 3, d), Part(fromFeatures, 0, d), Part(fromFeatures, 1, d));
    }

    /// <summary>Queries.</summary>
    public ProjectedTokens Queries { get; }

    /// <summary>Keys and values of the tokens themselves.</summary>
    public KeyGroup Ordinary { get; }

    /// <summary>Those of the degraded features; without keys there are none.</summary>
    public KeyGroup Extra { get; }

    /// <summary>One or two groups of keys.</summary>
    public int Groups => Extra.Key.Given ? 2 : 1;

    /// <summary>The ordinary group (0) or the extra one (1).</summary>
    public KeyGroup Group(int index) => index == 0 ? Ordinary : Extra;

    private static ProjectedTokens Part(Tensor of, int index, int width) =>
        new(TensorMemory.Address(of) + (nint)(index * width * of.ElementSize), (int)of.shape[^1]);
}

/// <summary>What normalises and rotates the rows of every head.</summary>
/// <param name="shape">Sizes.</param>
/// <param name="cos">Cosines of the first head and token.</param>
/// <param name="sinOffset">From a cosine to its sine.</param>
/// <param name="ropeStride">From a token's cosines to the next one's.</param>
/// <param name="scale">s per head.</param>
internal readonly unsafe struct HeadTurns(AttentionShape shape, float* cos, long sinOffset, int ropeStride, float* scale)
{
    /// <summary>From a table.</summary>
    public HeadTurns(AttentionShape shape, RopeTable rope, float* scale)
        : this(shape, rope.Cosines, rope.SinOffset, rope.Stride, scale) { }

    /// <summary>Sizes.</summary>
    public AttentionShape Shape => shape;

    /// <summary>The gradient of s of a head: its normalised rows are √s times something, so that it is Σ ⟨dx̂, x̂⟩ / 2s over them.</summary>
    public float ScaleBack(int head, float sum) => scale[head] > (float)CosineSimilarity.SmallestScale ? sum / (2 * scale[head]) : 0;

    /// <summary>Sample and head of item b·n + h, and its rows.</summary>
    public (int Sample, int Head, AttentionRows Rows) Of(int item)
    {
        var (sample, head) = (item / shape.Heads, item % shape.Heads);
        var root = MathF.Sqrt(MathF.Max(scale[head], (float)CosineSimilarity.SmallestScale));
        return (sample, head, new(shape, cos + (long)head * shape.Length * ropeStride, sinOffset, ropeStride, root));
    }
}

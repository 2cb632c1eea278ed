using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// Global attention whose two products are libtorch's: for who has a graph, and in bfloat16 for shapes that <see cref="PackedAttention"/> does not take. Logits and
/// weights are of the products' type, as in the plain form; the softmax between is float32.
/// </summary>
internal static class ProductAttention
{
    /// <summary>softmax(q kᵀ) v of <see cref="AttentionHeads"/>, without a graph: <c>[B, h, w, n·e]</c>.</summary>
    public static Tensor Apply(Tensor q, Tensor k, Tensor v, AttentionShape shape)
    {
        using var scope = NewDisposeScope();
        return Join(Weights(q, k).bmm(v), shape).MoveToOuterDisposeScope();
    }

    /// <summary>softmax(q kᵀ), <c>[B·n, L, keys]</c>.</summary>
    public static Tensor Weights(Tensor q, Tensor k)
    {
        using var keys = k.transpose(1, 2);
        var logits = q.bmm(keys);
        SoftmaxKernel.Apply(logits);
        return logits;
    }

    /// <summary>Heads side by side again: <c>[B·n, L, e]</c> → <c>[B, h, w, n·e]</c>.</summary>
    public static Tensor Join(Tensor heads, AttentionShape shape) =>
        heads
            .view(shape.Batch, shape.Heads, shape.Length, shape.HeadWidth)
            .transpose(1, 2)
            .reshape(shape.Batch, shape.Height, shape.Width, shape.Heads * shape.HeadWidth);
}

using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// <see cref="ProductAttention"/> as a node of the graph. Weights and the gradient of the logits take the place of what they are computed from, and the gradient of
/// the keys comes out row by row, where that of their transpose would have to be turned.
/// </summary>
internal sealed class ProductAttentionFunction : autograd.SingleTensorFunction<ProductAttentionFunction>
{
    /// <inheritdoc/>
    public override string Name => nameof(ProductAttentionFunction);

    /// <summary>softmax(q kᵀ) v.</summary>
    /// <param name="q"><c>[B·n, L, e]</c>, float32 or bfloat16.</param>
    /// <param name="k"><c>[B·n, keys, e]</c>.</param>
    /// <param name="v"><c>[B·n, keys, e]</c>.</param>
    /// <returns><c>[B·n, L, e]</c>.</returns>
    public static Tensor Apply(Tensor q, Tensor k, Tensor v)
    {
        // The scope holds the weights until the graph has taken them: only then may their handle go.
        using var scope = NewDisposeScope();
        return apply(q, k, v).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (q, k, v) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2]);
        using var noGrad = no_grad();
        var weights = ProductAttention.Weights(q, k);
        ctx.save_for_backward([q, k, v, weights]);
        return weights.bmm(v);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var saved = ctx.get_saved_variables();
        var (q, k, v, weights) = (saved[0], saved[1], saved[2], saved[3]);
        var gradient = grad_output.contiguous(); // heads lie apart in it: copied once for both products
        var slopes = gradient.bmm(v.transpose(1, 2));
        SoftmaxKernel.Back(weights, slopes);
        return
        [
            slopes.bmm(k).MoveToOuterDisposeScope(),
            slopes.transpose(1, 2).bmm(q).MoveToOuterDisposeScope(),
            weights.transpose(1, 2).bmm(gradient).MoveToOuterDisposeScope(),
        ];
    }
}

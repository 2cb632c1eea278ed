using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// <see cref="RmsNormKernel.AddThenApply"/> as a node of the graph: on the way back what comes around the norm and through it meets in one pass, which also leaves
/// delta's gradient in its type.
/// </summary>
internal sealed class ResidualNormFunction : autograd.MultiTensorFunction<ResidualNormFunction>
{
    /// <inheritdoc/>
    public override string Name => nameof(ResidualNormFunction);

    /// <summary>x + delta, and its norm.</summary>
    /// <param name="x"><c>[…, d]</c> float32.</param>
    /// <param name="delta">Of its shape, float32 or bfloat16.</param>
    /// <param name="scale"><c>[B, d]</c> float32.</param>
    /// <returns>The sum in float32, its norm in delta's type.</returns>
    public static (Tensor Sum, Tensor Normalized) Apply(Tensor x, Tensor delta, Tensor scale)
    {
        // The scope holds what the graph shall keep until it has taken it: only then may the handle go.
        using var scope = NewDisposeScope();
        var made = apply(x, delta, scale);
        return (made[0].MoveToOuterDisposeScope(), made[1].MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public override List<Tensor> forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, delta, scale) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2]);
        using var noGrad = no_grad();
        var (sum, normalized) = RmsNormKernel.AddThenApply(x, delta, scale, delta.dtype);
        ctx.save_for_backward([sum.alias(), scale]); // the sum itself would keep the node that keeps it
        return [sum, normalized];
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, List<Tensor> grad_outputs)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var saved = ctx.get_saved_variables();
        var back = RmsNormBack.Apply(saved[0], saved[1], grad_outputs[1], grad_outputs[0]);
        return [back.X.MoveToOuterDisposeScope(), back.Delta!.MoveToOuterDisposeScope(), back.Scale.MoveToOuterDisposeScope()];
    }
}

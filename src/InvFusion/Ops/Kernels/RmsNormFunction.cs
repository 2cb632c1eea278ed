using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary><see cref="RmsNormKernel"/> as a node of the graph.</summary>
internal sealed class RmsNormFunction : autograd.SingleTensorFunction<RmsNormFunction>
{
    /// <inheritdoc/>
    public override string Name => nameof(RmsNormFunction);

    /// <summary>x · scale · rsqrt(mean(x²) + ε) of x <c>[…, d]</c> float32 and a scale of <c>[d]</c> or one row a sample.</summary>
    public static Tensor Apply(Tensor x, Tensor scale, ScalarType dtype) => apply(x, scale, dtype);

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, scale, dtype) = ((Tensor)vars[0], (Tensor)vars[1], (ScalarType)vars[2]);
        ctx.save_for_backward([x, scale]);
        using var noGrad = no_grad();
        return RmsNormKernel.Apply(x, scale, dtype);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var saved = ctx.get_saved_variables();
        var back = RmsNormBack.Apply(saved[0], saved[1], grad_output);
        return [back.X.MoveToOuterDisposeScope(), back.Scale.MoveToOuterDisposeScope(), null!];
    }
}

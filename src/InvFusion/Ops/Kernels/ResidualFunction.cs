using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary><see cref="ResidualKernel"/> as a node of the graph.</summary>
internal sealed class ResidualFunction : autograd.SingleTensorFunction<ResidualFunction>
{
    private const string TypeKey = "type";

    /// <inheritdoc/>
    public override string Name => nameof(ResidualFunction);

    /// <summary>x + delta.</summary>
    /// <param name="x">float32.</param>
    /// <param name="delta">Of its shape, float32 or bfloat16.</param>
    public static Tensor Apply(Tensor x, Tensor delta) => apply(x, delta);

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, delta) = ((Tensor)vars[0], (Tensor)vars[1]);
        ctx.save_data(TypeKey, delta.dtype);
        using var noGrad = no_grad();
        return ResidualKernel.Sum(x, delta);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) =>
        [grad_output.alias(), grad_output.to_type((ScalarType)ctx.get_data(TypeKey))];
}

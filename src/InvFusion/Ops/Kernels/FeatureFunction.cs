using InvFusion.Degradations;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>A feature degradation that an operator computes at once, as a node of the graph: see <see cref="FeatureFusion"/>.</summary>
internal sealed unsafe class FeatureFunction : autograd.SingleTensorFunction<FeatureFunction>
{
    private const string OperatorKey = "operator";
    private const string PatchKey = "patch";
    private const string TypeKey = "type";

    /// <inheritdoc/>
    public override string Name => nameof(FeatureFunction);

    /// <summary>g in float32, differentiable in tokens, weight and bias.</summary>
    /// <param name="tokens">x, float32.</param>
    /// <param name="weight">W, <c>[m, m + 1]</c>.</param>
    /// <param name="bias">b, <c>[m]</c>.</param>
    /// <param name="measurements">y, <c>[B, 1, O]</c>.</param>
    /// <param name="op">H, one with <see cref="LinearOperator.FusesBack"/>; it must live until the way back.</param>
    /// <param name="patch">P.</param>
    /// <param name="dtype">Type of large products.</param>
    public static Tensor Apply(
        Tensor tokens,
        Tensor weight,
        Tensor bias,
        Tensor measurements,
        LinearOperator op,
        int patch,
        ScalarType dtype
    ) => apply(tokens, weight, bias, measurements, op, patch, dtype);

    /// <summary>The same without a graph; null where the operator does not know how.</summary>
    public static Tensor? Compute(
        Tensor tokens,
        Tensor weight,
        Tensor bias,
        Tensor measurements,
        LinearOperator op,
        int patch,
        ScalarType dtype
    )
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using TensorRows x = new(tokens),
            y = new(measurements);
        using var mix = Mix(weight, bias);
        var output = empty(tokens.shape, ScalarType.Float32);
        return op.Fuse(new(x.Tensor, output, y.Tensor, mix, patch, dtype)) ? output.MoveToOuterDisposeScope() : null;
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (tokens, weight, bias, measurements) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], (Tensor)vars[3]);
        var (op, patch, dtype) = ((LinearOperator)vars[4], (int)vars[5], (ScalarType)vars[6]);
        ctx.save_for_backward([tokens, weight, bias, measurements]);
        ctx.save_data(OperatorKey, op);
        ctx.save_data(PatchKey, patch);
        ctx.save_data(TypeKey, dtype);
        return Compute(tokens, weight, bias, measurements, op, patch, dtype)
            ?? throw new ArgumentException("the operator has no way at once", nameof(vars));
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var saved = ctx.get_saved_variables();
        var (op, patch, dtype) = (
            (LinearOperator)ctx.get_data(OperatorKey),
            (int)ctx.get_data(PatchKey),
            (ScalarType)ctx.get_data(TypeKey)
        );
        using TensorRows x = new(saved[0]),
            y = new(saved[3]),
            gradient = new(grad_output);
        using var mix = Mix(saved[1], saved[2]);
        Tensor toTokens = empty(x.Tensor.shape, ScalarType.Float32),
            sums = empty([x.Tensor.shape[0], mix.Features, mix.Features + 2], ScalarType.Float32);
        op.FuseBack(new(x.Tensor, toTokens, y.Tensor, mix, patch, dtype), gradient.Tensor, sums);
        var toBoth = sums.sum(0, false, null); // [m, m + 2]
        return
        [
            toTokens.MoveToOuterDisposeScope(),
            toBoth.narrow(1, 0, mix.Features + 1).contiguous().MoveToOuterDisposeScope(),
            toBoth.select(1, mix.Features + 1).contiguous().MoveToOuterDisposeScope(),
            null!,
            null!,
            null!,
            null!,
        ];
    }

    private static FeatureMix Mix(Tensor weight, Tensor bias)
    {
        using TensorRows w = new(weight),
            b = new(bias);
        return new(new(w.Floats, (int)weight.NumberOfElements), new(b.Floats, (int)bias.NumberOfElements));
    }
}

using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary><see cref="AttentionKernel"/> as a node of the graph: the projections alone are kept.</summary>
internal sealed unsafe class AttentionFunction : autograd.SingleTensorFunction<AttentionFunction>
{
    private const string RopeKey = "rope";
    private const string ShapeKey = "shape";

    /// <inheritdoc/>
    public override string Name => nameof(AttentionFunction);

    /// <summary>From projections to the input of the out-projection, <c>[B, h, w, d]</c>.</summary>
    /// <param name="fromTokens">(q | k | v) or (q | k | v | extra k), <c>[B, h, w, 3d or 4d]</c>.</param>
    /// <param name="fromFeatures">(rest of extra k | extra v), <c>[B, h, w, 2d]</c>; null where there are none, and extra values are zero.</param>
    /// <param name="scale">s per head, <c>[n]</c> float32.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="rope">Rotations; must live until the way back.</param>
    public static Tensor Apply(Tensor fromTokens, Tensor? fromFeatures, Tensor scale, AttentionShape shape, RopeTable rope) =>
        apply(fromTokens, scale, fromFeatures!, shape, rope);

    /// <summary>The same without a graph.</summary>
    public static Tensor Compute(Tensor fromTokens, Tensor? fromFeatures, Tensor scale, AttentionShape shape, RopeTable rope)
    {
        using var noGrad = no_grad();
        var projections = new HeadProjections(fromTokens, fromFeatures, shape);
        var turns = new HeadTurns(shape, rope, TensorMemory.Floats(scale));
        var attended = empty([shape.Batch, shape.Height, shape.Width, shape.Heads * shape.HeadWidth], fromTokens.dtype);
        var output = TensorMemory.Address(attended);
        if (fromTokens.dtype == ScalarType.BFloat16)
            AttentionKernel.Run(turns, projections, (Bfloat16Lane*)output);
        else
            AttentionKernel.Run(turns, projections, (Float32Lane*)output);
        return attended;
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (fromTokens, scale, fromFeatures) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor?)vars[2]);
        ctx.save_for_backward(fromFeatures is null ? [fromTokens, scale] : [fromTokens, scale, fromFeatures]);
        ctx.save_data(ShapeKey, vars[3]);
        ctx.save_data(RopeKey, vars[4]);
        return Compute(fromTokens, fromFeatures, scale, (AttentionShape)vars[3], (RopeTable)vars[4]);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var saved = ctx.get_saved_variables();
        var (shape, rope) = ((AttentionShape)ctx.get_data(ShapeKey), (RopeTable)ctx.get_data(RopeKey));
        var (fromTokens, scale, fromFeatures) = (saved[0], saved[1], saved.Count > 2 ? saved[2] : null);
        Tensor toTokens = empty(fromTokens.shape, fromTokens.dtype),
            toScale = empty([shape.Batch, shape.Heads], ScalarType.Float32),
            gradient = grad_output.contiguous();
        var toFeatures = fromFeatures is null ? null : empty(fromFeatures.shape, fromFeatures.dtype);
        HeadProjections from = new(fromTokens, fromFeatures, shape),
            to = new(toTokens, toFeatures, shape);
        var turns = new HeadTurns(shape, rope, TensorMemory.Floats(scale));
        var given = new ProjectedTokens(TensorMemory.Address(gradient), shape.Heads * shape.HeadWidth);
        if (fromTokens.dtype == ScalarType.BFloat16)
            AttentionBack.Run<Bfloat16Lane>(turns, from, given, to, TensorMemory.Floats(toScale));
        else
            AttentionBack.Run<Float32Lane>(turns, from, given, to, TensorMemory.Floats(toScale));
        return
        [
            toTokens.MoveToOuterDisposeScope(),
            toScale.sum(0, false, null).MoveToOuterDisposeScope(),
            toFeatures?.MoveToOuterDisposeScope()!,
            null!,
            null!,
        ];
    }
}

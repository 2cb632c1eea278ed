using InvFusion.Ops;
using InvFusion.Ops.Kernels;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>x + down(dropout(GEGLU(up(AdaRMSNorm(x, cond))))).</summary>
public sealed class FeedForwardBlock : nn.Module<Tensor, Tensor, ScalarType, Tensor>
{
    private readonly double _dropout;

    [ComponentName(Name = "norm")]
    private readonly AdaptiveRmsNorm _norm;

    [ComponentName(Name = "up_proj")]
    private readonly Linear _upProj;

    [ComponentName(Name = "down_proj")]
    private readonly Linear _downProj;

    /// <summary>Creates the block.</summary>
    public FeedForwardBlock(long width, long hiddenWidth, long conditionWidth, double dropout)
        : base(nameof(FeedForwardBlock))
    {
        _dropout = dropout;
        _norm = new(width, conditionWidth);
        _upProj = new(width, 2 * hiddenWidth);
        _downProj = new(hiddenWidth, width, zero: true);
        RegisterComponents();
    }

    /// <summary>Tokens <c>[B, h, w, d]</c> and a condition <c>[B, c]</c>; products run in the given type.</summary>
    public override Tensor forward(Tensor tokens, Tensor condition, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        return After(tokens, _norm.call(tokens, condition, dtype)).MoveToOuterDisposeScope();
    }

    /// <summary>The block behind another one, with a graph: y = x + delta, then y + down(dropout(GEGLU(up(AdaRMSNorm(y, cond))))).</summary>
    /// <param name="tokens">x, <c>[B, h, w, d]</c> float32.</param>
    /// <param name="delta">What the block before adds, in the type that the products run in.</param>
    /// <param name="condition"><c>[B, c]</c>.</param>
    internal Tensor FusedAfterWithGraph(Tensor tokens, Tensor delta, Tensor condition)
    {
        using var scope = NewDisposeScope();
        var (sum, normalized) = ResidualNormFunction.Apply(tokens, delta, _norm.Scale(condition));
        return After(sum, normalized).MoveToOuterDisposeScope();
    }

    // x + down(dropout(GEGLU(up(u)))), u the norm of x.
    private Tensor After(Tensor tokens, Tensor normalized)
    {
        var hidden = Geglu.Apply(_upProj.call(normalized));
        hidden = nn.functional.dropout(hidden, _dropout, training);
        return Residual.Apply(tokens, _downProj.call(hidden));
    }

    /// <summary>The block behind another one, fused and without a graph: y = x + delta, then y + down(GEGLU(up(AdaRMSNorm(y, cond)))).</summary>
    /// <param name="tokens">x, <c>[B, h, w, d]</c> float32.</param>
    /// <param name="delta">What the block before adds, in the given type.</param>
    /// <param name="condition"><c>[B, c]</c>.</param>
    /// <param name="dtype">Type of the products.</param>
    internal Tensor FusedAfter(Tensor tokens, Tensor delta, Tensor condition, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var (sum, normalized) = RmsNormKernel.AddThenApply(tokens, delta, _norm.Scale(condition), dtype);
        ResidualKernel.Add(sum, _downProj.call(Geglu.Apply(_upProj.call(normalized))));
        return sum.MoveToOuterDisposeScope();
    }

    /// <summary>Whether <see cref="PackedAfter"/> can take the block.</summary>
    internal bool CanPack(ScalarType dtype) => _upProj.Packs(dtype) && _downProj.Packs(dtype);

    /// <summary>The block behind an attention block's heads, in one pass: <see cref="FeedForwardKernel"/>.</summary>
    /// <param name="tokens">x, <c>[B, h, w, d]</c> float32.</param>
    /// <param name="attended">What its heads read, <c>[B, h, w, d]</c> in the type of the products.</param>
    /// <param name="outProjection">Its out-projection.</param>
    /// <param name="condition"><c>[B, c]</c>.</param>
    internal Tensor PackedAfter(Tensor tokens, Tensor attended, Linear outProjection, Tensor condition)
    {
        using var scope = NewDisposeScope();
        var dtype = attended.dtype;
        return FeedForwardKernel
            .Apply(
                tokens,
                attended,
                outProjection.Packed(dtype, PackedWeights.Pack),
                _norm.Scale(condition),
                _upProj.Packed(dtype, PackedWeights.PackGated),
                _downProj.Packed(dtype, PackedWeights.Pack)
            )
            .MoveToOuterDisposeScope();
    }
}

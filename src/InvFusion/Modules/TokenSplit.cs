using InvFusion.Ops;
using InvFusion.Ops.Kernels;
using InvFusion.Runtime;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>Splits a token into 2×2 and mixes with the way down: lerp(skip, x, fac) with one learned fac (initially 0.5).</summary>
public sealed class TokenSplit : nn.Module<Tensor, Tensor, ScalarType, Tensor>
{
    private const int Side = 2;
    private readonly bool _packable;

    [ComponentName(Name = "fac")]
    private readonly Parameter _fac;

    [ComponentName(Name = "proj")]
    private readonly Linear _proj;

    /// <summary>Creates the layer.</summary>
    public TokenSplit(int inputs, int outputs)
        : base(nameof(TokenSplit))
    {
        _packable = outputs % ProductTile.Columns == 0;
        _fac = Parameters.Create(full([1], 0.5));
        _proj = new(inputs, (long)outputs * Side * Side);
        RegisterComponents();
    }

    /// <summary>Tokens <c>[B, h, w, c]</c> and skip <c>[B, 2h, 2w, d]</c> → <c>[B, 2h, 2w, d]</c>; the product runs in the given type.</summary>
    public override Tensor forward(Tensor tokens, Tensor skip, ScalarType dtype)
    {
        if (
            _packable
            && _proj.Packs(dtype)
            && FusedKernels.TakeWithoutGraph(FusedKernel.Products, tokens, skip)
            && skip.dtype == ScalarType.Float32
        )
            return SplitKernel.Apply(tokens, _proj.Packed(dtype, PackedWeights.Pack), skip, TensorMemory.Numbers<float>(_fac)[0]);
        using var scope = NewDisposeScope();
        var split = TokenLayout.Split(_proj.call(tokens.to_type(dtype)), Side).to_type(skip.dtype);
        return lerp(skip, split, _fac).MoveToOuterDisposeScope();
    }
}

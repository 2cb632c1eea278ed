using InvFusion.Ops;
using InvFusion.Ops.Kernels;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>Folds p×p tokens (or pixels) into one, then a linear map without bias: <c>[B, h·p, w·p, c]</c> → <c>[B, h, w, d]</c>.</summary>
public sealed class TokenMerge : nn.Module<Tensor, ScalarType, Tensor>
{
    private readonly int _patch;

    [ComponentName(Name = "proj")]
    private readonly Linear _proj;

    /// <summary>Creates the layer.</summary>
    public TokenMerge(int inputs, int outputs, int patch)
        : base(nameof(TokenMerge))
    {
        _patch = patch;
        _proj = new((long)inputs * patch * patch, outputs);
        RegisterComponents();
    }

    /// <summary><c>[B, h·p, w·p, c]</c> → <c>[B, h, w, d]</c> float32; the product runs in the given type.</summary>
    public override Tensor forward(Tensor input, ScalarType dtype)
    {
        if (_proj.Packs(dtype) && FusedKernels.TakeWithoutGraph(FusedKernel.Products, input))
            return MergeKernel.Apply(input, _proj.Packed(dtype, PackedWeights.Pack), _patch);
        using var scope = NewDisposeScope();
        return _proj.call(TokenLayout.Merge(input.to_type(dtype), _patch)).to_type(ScalarType.Float32).MoveToOuterDisposeScope();
    }
}

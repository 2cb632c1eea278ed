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

    /// <summary>Sets the weights of all inputs but the first of each pixel to zero.</summary>
    internal void ForgetInputs(int first)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var weight = OfPixels(_proj.Weight, _patch);
        weight.narrow(2, first, weight.shape[2] - first).zero_();
    }

    /// <summary>The weights <c>[d, p·p·c]</c> by pixel, <c>[d, p·p, c]</c>.</summary>
    internal static Tensor OfPixels(Tensor weight, int patch) => weight.view(weight.shape[0], patch * patch, -1);

    /// <summary><c>[B, h·p, w·p, c]</c> → <c>[B, h, w, d]</c> float32; the product runs in the given type.</summary>
    public override Tensor forward(Tensor input, ScalarType dtype)
    {
        if (_proj.Packs(dtype) && FusedKernels.TakeWithoutGraph(FusedKernel.Products, input))
            return MergeKernel.Apply(input, _proj.Packed(dtype, PackedWeights.Pack), _patch);
        using var scope = NewDisposeScope();
        return _proj.call(TokenLayout.Merge(input.to_type(dtype), _patch)).to_type(ScalarType.Float32).MoveToOuterDisposeScope();
    }
}

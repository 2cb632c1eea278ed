using InvFusion.Degradations;
using InvFusion.Ops.Kernels;
using InvFusion.Runtime;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>
/// The feature degradation layer (InvFusion, section 3): tokens unfold to m feature images, H measures each, the real measurement is fused with them entry by
/// entry, and H⁺ brings the result back to tokens.
/// </summary>
public sealed class FeatureDegradation : nn.Module
{
    private readonly int _patch;

    [ComponentName(Name = "deg_linear")]
    private readonly Linear _degLinear;

    /// <summary>Creates the layer.</summary>
    /// <param name="width">d = P·P·m·C, channels of a token.</param>
    /// <param name="patch">P, the side in pixels that a token covers.</param>
    /// <param name="channels">C, channels of an image.</param>
    public FeatureDegradation(int width, int patch, int channels)
        : base(nameof(FeatureDegradation))
    {
        _patch = patch;
        var features = width / (patch * patch * channels);
        _degLinear = new(features + 1, features, bias: true);
        RegisterComponents();
    }

    /// <summary>g = fold(H⁺ gelu(W [y; H unfold(x)] + b)).</summary>
    /// <param name="tokens">x, <c>[B, h, w, d]</c>.</param>
    /// <param name="op">H.</param>
    /// <param name="measurements">y, <c>[B, 1, O]</c>.</param>
    /// <param name="dtype">Type of the products.</param>
    /// <returns>g, <c>[B, h, w, d]</c>.</returns>
    public Tensor Forward(Tensor tokens, LinearOperator op, Tensor measurements, ScalarType dtype)
    {
        var fused =
            FusedKernels.TakeWithoutGraph(FusedKernel.Features, tokens, _degLinear.Weight)
            && tokens.dtype == ScalarType.Float32
            && !(is_grad_enabled() && measurements.requires_grad)
                ? Fused(tokens, op, measurements, dtype)
                : null;
        return fused ?? FeatureFusion.StepByStep(tokens, op, measurements, _degLinear.Weight, _degLinear.Bias!, _patch, dtype);
    }

    // All at once where the operator knows how, to float32; null where it does not.
    private unsafe Tensor? Fused(Tensor tokens, LinearOperator op, Tensor measurements, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using TensorRows weight = new(_degLinear.Weight),
            bias = new(_degLinear.Bias!),
            x = new(tokens),
            y = new(measurements);
        using var mix = new FeatureMix(Numbers(weight), Numbers(bias));
        var output = empty(tokens.shape, ScalarType.Float32);
        return op.Fuse(new(x.Tensor, output, y.Tensor, mix, _patch, dtype)) ? output.MoveToOuterDisposeScope() : null;

        static Span<float> Numbers(TensorRows rows) => new(rows.Floats, (int)rows.Tensor.NumberOfElements);
    }
}

using InvFusion.Degradations;
using InvFusion.Ops.Kernels;
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
    private readonly int _channels;

    [ComponentName(Name = "deg_linear")]
    private readonly Linear _degLinear;

    /// <summary>Creates the layer.</summary>
    /// <param name="width">d = P·P·m·C, channels of a token.</param>
    /// <param name="patch">P, the side in pixels that a token covers.</param>
    /// <param name="channels">C, channels of an image.</param>
    public FeatureDegradation(int width, int patch, int channels)
        : base(nameof(FeatureDegradation))
    {
        (_patch, _channels) = (patch, channels);
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
        var (weight, bias) = (_degLinear.Weight, _degLinear.Bias!);
        if (
            FusedKernels.Take(FusedKernel.Features, tokens)
            && tokens.dtype == ScalarType.Float32
            && !(is_grad_enabled() && measurements.requires_grad)
        )
        {
            if (FusedKernels.TakeWithoutGraph(FusedKernel.Features, tokens, weight))
            {
                if (FeatureFunction.Compute(tokens, weight, bias, measurements, op, _patch, dtype) is { } fused)
                    return fused;
            }
            else if (op.FusesBack(new(_channels, (int)tokens.shape[1] * _patch, (int)tokens.shape[2] * _patch), dtype))
                return FeatureFunction.Apply(tokens, weight, bias, measurements, op, _patch, dtype);
        }
        return FeatureFusion.StepByStep(tokens, op, measurements, weight, bias, _patch, dtype);
    }
}

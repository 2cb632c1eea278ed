using System.Runtime.InteropServices;
using InvFusion.Degradations;
using InvFusion.Ops.Kernels;
using TorchSharp;
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
        var fused = MayFuse(tokens, measurements, dtype) ? Fused(tokens, op, measurements, dtype) : null;
        return fused ?? FeatureFusion.StepByStep(tokens, op, measurements, _degLinear.Weight, _degLinear.Bias!, _patch, dtype);
    }

    private bool MayFuse(Tensor tokens, Tensor measurements, ScalarType dtype) =>
        FusedKernels.Enabled
        && tokens.device_type == DeviceType.CPU
        && dtype is ScalarType.Float32 or ScalarType.BFloat16
        && !(is_grad_enabled() && (tokens.requires_grad || measurements.requires_grad || _degLinear.Weight.requires_grad));

    // Computed in float32; null where the operator cannot.
    private Tensor? Fused(Tensor tokens, LinearOperator op, Tensor measurements, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        using var mix = new FeatureMix(Numbers(_degLinear.Weight), Numbers(_degLinear.Bias!));
        var x = Plain(tokens);
        var g = empty_like(x);
        return op.Fuse(new(x, g, Plain(measurements), mix, _patch)) ? g.to_type(dtype).MoveToOuterDisposeScope() : null;
    }

    private static Tensor Plain(Tensor tensor) => tensor.detach().to_type(ScalarType.Float32).contiguous();

    private static ReadOnlySpan<float> Numbers(Tensor tensor) => MemoryMarshal.Cast<byte, float>(Plain(tensor).bytes);
}

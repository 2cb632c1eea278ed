using InvFusion.Ops;
using InvFusion.Ops.Kernels;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>
/// One feature degradation, g = fold(H⁺ gelu(W [y; H unfold(x)] + b)), as an operator may compute it at once on the CPU, without a graph. Tokens are
/// <c>[B, h, w, P·P·m·C]</c>, in a token ordered as (row, column, feature, channel).
/// </summary>
/// <param name="Tokens">x, float32, contiguous.</param>
/// <param name="Output">g, float32, contiguous, of the same shape: every number is to be written.</param>
/// <param name="Measurements">y, <c>[B, 1, O]</c> float32, contiguous.</param>
/// <param name="Mix">W and b.</param>
/// <param name="Patch">P, the side in pixels that a token covers.</param>
/// <param name="Type">Type of large products, float32 or bfloat16.</param>
internal readonly record struct FeatureFusion(Tensor Tokens, Tensor Output, Tensor Measurements, FeatureMix Mix, int Patch, ScalarType Type)
{
    /// <summary>Sizes of the tokens.</summary>
    public FeatureGrid Grid
    {
        get
        {
            var s = Tokens.shape;
            var channels = (int)(s[3] / (Patch * Patch * Mix.Features));
            return new((int)s[0], (int)s[1], (int)s[2], Patch, Mix.Features, channels);
        }
    }

    /// <summary>Shape of a feature image.</summary>
    public ImageShape Image => new(Grid.Channels, Grid.Height, Grid.Width);

    /// <summary>The part of some samples in a row, for the operator that serves them; the caller owns its tensors.</summary>
    public FeatureFusion Part(int first, int samples, LinearOperator op) =>
        new(
            Tokens.narrow(0, first, samples),
            Output.narrow(0, first, samples),
            Measurements.narrow(0, first, samples).narrow(2, 0, op.MeasurementLength).contiguous(),
            Mix,
            Patch,
            Type
        );

    /// <summary>Computes it in whatever way an operator can.</summary>
    public void Compute(LinearOperator op)
    {
        if (op.Fuse(this))
            return;
        using var scope = NewDisposeScope();
        var (weight, bias) = Mix.ToTensors();
        Output.copy_(StepByStep(Tokens, op, Measurements, weight, bias, Patch, Type));
    }

    /// <summary>The general way, which is differentiable.</summary>
    /// <param name="tokens">x.</param>
    /// <param name="op">H.</param>
    /// <param name="measurements">y, <c>[B, 1, O]</c>.</param>
    /// <param name="weight">W, <c>[m, m + 1]</c>.</param>
    /// <param name="bias">b, <c>[m]</c>.</param>
    /// <param name="patch">P.</param>
    /// <param name="dtype">Type of the products and of the result.</param>
    /// <returns>g.</returns>
    public static Tensor StepByStep(
        Tensor tokens,
        LinearOperator op,
        Tensor measurements,
        Tensor weight,
        Tensor bias,
        int patch,
        ScalarType dtype
    )
    {
        using var scope = NewDisposeScope();
        var features = TokenLayout.ToFeatureImages(tokens.to_type(dtype), patch, op.Image.Channels);
        var z = cat([measurements.to_type(dtype), op.Apply(features).to_type(dtype)], 1); // [B, 1 + m, O]
        var mixed = weight.to_type(dtype).unsqueeze(0).expand(z.shape[0], -1, -1).bmm(z) + bias.to_type(dtype).view(1, -1, 1); // [B, m, O]
        var back = op.PseudoInverse(nn.functional.gelu(mixed));
        return TokenLayout.ToTokens(back, patch).to_type(dtype).MoveToOuterDisposeScope();
    }
}

using InvFusion.Ops.Kernels;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>
/// One feature degradation, g = fold(H⁺ gelu(W [y; H unfold(x)] + b)), as an operator may compute it at once on the CPU, without a graph. Tokens are
/// <c>[B, h, w, P·P·m·C]</c>, in a token ordered as (row, column, feature, channel).
/// </summary>
/// <param name="Tokens">x, float32, contiguous.</param>
/// <param name="Output">g, float32, contiguous, of the same shape: every number is to be written.</param>
/// <param name="Measurements">y, <c>[B, 1, O]</c> float32.</param>
/// <param name="Mix">W and b.</param>
/// <param name="Patch">P, the side in pixels that a token covers.</param>
internal readonly record struct FeatureFusion(Tensor Tokens, Tensor Output, Tensor Measurements, FeatureMix Mix, int Patch)
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
}

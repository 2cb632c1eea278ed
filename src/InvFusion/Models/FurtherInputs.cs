using InvFusion.Degradations;
using static TorchSharp.torch;

namespace InvFusion.Models;

/// <summary>What a network may be given beside x and the joint estimate. Without autograd.</summary>
internal static class FurtherInputs
{
    /// <summary>
    /// √Σ*ᵢᵢ/σ with Σ* = (I/σ² + HᵀH/σ_y²)⁻¹ (EPS, arXiv 2606.17048), by the diagonal of HᵀH: exact where HᵀH is diagonal (masks). 1 where nothing is measured.
    /// </summary>
    /// <param name="x">Noisy images, <c>[B, C, H, W]</c>.</param>
    /// <param name="sigma">σ, <c>[B]</c>.</param>
    /// <param name="c">H and σ_y.</param>
    /// <returns><c>[B, C, H, W]</c>.</returns>
    public static Tensor Deviation(Tensor x, Tensor sigma, Conditioning c)
    {
        if (c.Operator is not { } op || c.Measurements is null)
            return ones_like(x);
        using var scope = NewDisposeScope();
        var sigmaY = (c.NoiseLevel ?? zeros([1], device: x.device)).to_type(x.dtype).clamp_min(JointEstimate.NoiseFloor);
        var ratio = (sigma / sigmaY).square().view(-1, 1, 1, 1);
        return (1 + op.ColumnEnergy(x.device).to_type(x.dtype) * ratio).rsqrt().expand(x.shape).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>Hᵀ(y - H D) of the last estimate D, noise in y counting as in pixels; zero where there is none.</summary>
    /// <param name="x">Noisy images, <c>[B, C, H, W]</c>.</param>
    /// <param name="c">H, y and D.</param>
    /// <returns><c>[B, C, H, W]</c>.</returns>
    public static Tensor Misfit(Tensor x, Conditioning c)
    {
        if (c is not { Operator: { } op, Measurements: { } y, LastEstimate: { } last })
            return zeros_like(x);
        using var scope = NewDisposeScope();
        var misfit = op.Backproject(y - op.Apply(last.unsqueeze(1))).squeeze(1);
        if (c.MisfitShown is { } shown)
            misfit = misfit * shown.view(-1, 1, 1, 1);
        return misfit.MoveToOuterDisposeScope();
    }
}

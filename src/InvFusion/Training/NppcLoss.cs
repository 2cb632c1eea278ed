using InvFusion.Diffusion;
using InvFusion.Models;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>The loss of a network with principal directions (Nehme et al., NPPC): that of the mean, and beside it those of directions and variances.</summary>
public static class NppcLoss
{
    /// <summary>Evaluates the loss: the network sees noise at the level of <see cref="MmseEstimator"/>, and no image.</summary>
    /// <param name="network">A network with directions.</param>
    /// <param name="images">x, <c>[B, C, H, W]</c>.</param>
    /// <param name="noise">Standard normals <c>[B, C, H, W]</c>.</param>
    /// <param name="conditioning">H, y and labels.</param>
    public static NppcTerms Evaluate(PreconditionedNetwork network, Tensor images, Tensor noise, Conditioning conditioning)
    {
        using var scope = NewDisposeScope();
        var denoiser = new NetworkDenoiser(network, conditioning);
        var sigma = tensor([(float)MmseEstimator.Sigma], device: images.device);
        var output = denoiser.DenoiseWithDirections(noise * MmseEstimator.Sigma, sigma);
        var terms = Of(output, images);
        return new(
            terms.Loss.MoveToOuterDisposeScope(),
            terms.Mean.MoveToOuterDisposeScope(),
            terms.Direction.MoveToOuterDisposeScope(),
            terms.Variance.MoveToOuterDisposeScope()
        );
    }

    /// <summary>The loss of what a network puts out, <c>[B, (1+K)·C, H, W]</c>, in the precision of its inputs.</summary>
    internal static NppcTerms Of(Tensor output, Tensor images)
    {
        using var scope = NewDisposeScope();
        var (batch, channels) = (images.shape[0], images.shape[1]);
        var directions = output.shape[1] / channels - 1;
        var mean = output.narrow(1, 0, channels).contiguous();
        var raw = output.narrow(1, channels, directions * channels).reshape([batch, directions, .. images.shape[1..]]);
        var (vectors, norms) = PrincipalDirections.Orthogonalize(raw);
        var error = (mean - images).detach().flatten(1); // e
        var length = error.norm(1, keepdim: true); // ‖e‖
        var along = einsum("bn,bkn->bk", error / length, vectors.flatten(2) / norms.unsqueeze(-1)).square(); // ⟨ê, w_k⟩²
        var direction = (1 - along).sum([1]);
        var variance = ((norms / length).square() - along.detach()).square().sum([1]);
        return new(
            (mean - images).square().MoveToOuterDisposeScope(),
            mean.MoveToOuterDisposeScope(),
            direction.MoveToOuterDisposeScope(),
            variance.MoveToOuterDisposeScope()
        );
    }
}

/// <summary>What <see cref="NppcLoss"/> gives for a batch.</summary>
/// <param name="Loss">Squared error of the mean, <c>[B, C, H, W]</c>.</param>
/// <param name="Mean">The mean, <c>[B, C, H, W]</c>.</param>
/// <param name="Direction">Σ_k (1 - ⟨ê, w_k⟩²), <c>[B]</c>.</param>
/// <param name="Variance">Σ_k ((s_k/‖e‖)² - ⟨ê, w_k⟩²)², <c>[B]</c>.</param>
public sealed record NppcTerms(Tensor Loss, Tensor Mean, Tensor Direction, Tensor Variance)
{
    private const double DirectionRamp = 1 << 5; // in batches
    private const double VarianceRamp = 1 << 6;
    private const double VarianceShare = 0.1;

    /// <summary>The terms with the weights of a step: W·min(step/2⁵, 1)² for the directions, 0.1·W·min(step/2⁶, 1)² for the variances.</summary>
    /// <param name="weight">W.</param>
    /// <param name="steps">Optimizer steps before this one.</param>
    public LossTerms Weigh(double weight, long steps)
    {
        using var scope = NewDisposeScope();
        var extra = Direction * (weight * Ramp(steps, DirectionRamp)) + Variance * (VarianceShare * weight * Ramp(steps, VarianceRamp));
        return new(Loss, Mean)
        {
            Direction = Direction,
            Variance = Variance,
            Extra = extra.MoveToOuterDisposeScope(),
        };
    }

    private static double Ramp(long steps, double length) => Math.Pow(Math.Min(steps / length, 1), 2);
}

using InvFusion.Diffusion;
using static TorchSharp.torch;

namespace InvFusion.Evaluation.Posteriors;

/// <summary>
/// The exact denoiser of a mixture: D(x, σ) = Σ r_m(x)·(μ_m + C_m(C_m + σ²)⁻¹(x - μ_m)), r_m the probability of component m given x. Its directions are the
/// top eigenvectors of the mixture's covariance, one standard deviation long. Differentiable; does not own the mixture.
/// </summary>
/// <param name="mixture">The distribution of the images.</param>
/// <param name="directions">K, the number of directions.</param>
public sealed class MixtureDenoiser(GaussianMixture mixture, int directions = 0) : IDirectionDenoiser
{
    /// <inheritdoc/>
    public int Directions => directions;

    /// <inheritdoc/>
    public Tensor Denoise(Tensor x, Tensor sigma)
    {
        using var scope = NewDisposeScope();
        var noise = sigma.to(float64).square().reshape(1, -1, 1);
        var (values, means) = (mixture.Values.unsqueeze(1), mixture.Means.unsqueeze(1)); // [M, 1, N]
        var along = bmm(x.flatten(1).to(float64).unsqueeze(0) - means, mixture.Vectors); // [M, B, N]
        var total = values + noise;
        var log = -0.5 * (along.square() / total + total.log()).sum([2]) + tensor(mixture.Weights.ToArray()).log().unsqueeze(1);
        var probability = log.softmax(0).unsqueeze(-1); // [M, B, 1]
        var denoised = bmm(along * values / total, mixture.Vectors.transpose(1, 2)) + means;
        return (denoised * probability).sum([0]).to(float32).reshape(x.shape).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor DenoiseWithDirections(Tensor x, Tensor sigma)
    {
        using var scope = NewDisposeScope();
        using var covariance = mixture.Covariance();
        var (values, vectors) = linalg.eigh(covariance);
        var top = (vectors * values.clamp_min(0).sqrt()).t().flip(0).narrow(0, 0, directions); // [K, N], the largest first
        long[] shape = [x.shape[0], directions * x.shape[1], x.shape[2], x.shape[3]];
        return cat([Denoise(x, sigma), top.to(float32).reshape([1, .. shape[1..]]).expand(shape)], 1).MoveToOuterDisposeScope();
    }
}

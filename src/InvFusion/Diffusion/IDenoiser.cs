using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>Estimates the clean image behind a noisy one: D(x, σ) ≈ E[x₀ | x₀ + σ n = x], given whatever the denoiser was conditioned on.</summary>
public interface IDenoiser
{
    /// <summary>D(x, σ), as a fresh tensor that the caller owns.</summary>
    /// <param name="x">Noisy images <c>[B, C, H, W]</c>, unscaled (x = x₀ + σ n).</param>
    /// <param name="sigma">Noise level, <c>[1]</c> for the whole batch or <c>[B]</c> for each sample, float32.</param>
    /// <returns>Denoised images <c>[B, C, H, W]</c>.</returns>
    Tensor Denoise(Tensor x, Tensor sigma);
}

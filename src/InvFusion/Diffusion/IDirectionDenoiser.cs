using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>A denoiser that also knows in which directions the image is uncertain (Nehme et al., "Uncertainty quantification via neural posterior principal components").</summary>
public interface IDirectionDenoiser : IDenoiser
{
    /// <summary>K, the number of directions.</summary>
    int Directions { get; }

    /// <summary>D(x, σ) and behind it K raw direction images, <c>[B, (1+K)·C, H, W]</c>, as a fresh tensor that the caller owns.</summary>
    /// <param name="x">Noisy images <c>[B, C, H, W]</c>.</param>
    /// <param name="sigma">Noise level, <c>[1]</c> or <c>[B]</c>.</param>
    Tensor DenoiseWithDirections(Tensor x, Tensor sigma);
}

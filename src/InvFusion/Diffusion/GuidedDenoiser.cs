using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>
/// Guidance: D = D_ref + w·(D_main - D_ref), where the reference is a weaker network, or the same one without the class
/// (Ho and Salimans, "Classifier-free diffusion guidance"; Karras et al., "Guiding a diffusion model with a bad version of itself").
/// </summary>
/// <param name="main">D_main.</param>
/// <param name="reference">D_ref.</param>
/// <param name="weight">w; 1 is D_main alone, and the reference is not evaluated.</param>
/// <param name="interval">Guides only at these noise levels (Kynkäänniemi et al., 2024); elsewhere D is D_main.</param>
public sealed class GuidedDenoiser(IDenoiser main, IDenoiser reference, double weight, SigmaInterval? interval = null) : IDenoiser
{
    /// <inheritdoc/>
    public Tensor Denoise(Tensor x, Tensor sigma)
    {
        using var scope = NewDisposeScope();
        var denoised = main.Denoise(x, sigma);
        if (weight == 1)
            return denoised.MoveToOuterDisposeScope();
        var excess = tensor(weight - 1, float32, x.device);
        if (interval is { } range)
        {
            var inside = sigma.ge(range.Low).logical_and(sigma.le(range.High));
            if (!inside.any().item<bool>())
                return denoised.MoveToOuterDisposeScope();
            excess = (excess * inside).reshape(-1, 1, 1, 1); // per sample
        }
        // D_ref + w (D - D_ref) = D + (w - 1)(D - D_ref)
        return denoised.addcmul(excess, denoised - reference.Denoise(x, sigma), 1).MoveToOuterDisposeScope();
    }
}

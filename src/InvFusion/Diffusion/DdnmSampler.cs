using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>
/// Null-space projection (Wang et al., "Zero-shot image restoration using denoising diffusion null-space model", DDNM⁺): the denoised image is corrected by
/// H⁺(y - H x₀), and one direction, part memory and part fresh noise, carries it to the next level.
/// </summary>
/// <remarks>
/// The paper's scales λ and γ depend on each singular value s; here λ is W = s²σ'²/(s²σ'² + σ_y²) = H⁺_λ H with a damping of σ_y/σ', and the noise that is
/// left to add has the variance σ'²(1 - W(1 - W)), whose root is a polynomial in W to 0.3 %. No decomposition is needed, and what H does not see keeps all of
/// its noise. The reference form takes every s for 1, scales the null space too, and mixes with 1 - η where √(1-η²) keeps the variance.
/// </remarks>
public sealed class DdnmSampler : ZeroShotSampler
{
    // √(1 - q) ≈ 1 - RootSlope·q for q = W(1 - W), which lies in 0 … 1/4 and is exact at both ends.
    private const double RootSlope = 0.5358983848622454;

    /// <summary>Creates the sampler.</summary>
    /// <exception cref="ConfigurationException">An option is out of range.</exception>
    public DdnmSampler(ZeroShotOptions? options = null)
        : base("ddnm", options ?? Defaults) { }

    /// <summary>100 steps, η 0.85.</summary>
    public static ZeroShotOptions Defaults { get; } = new() { Steps = 100, Eta = 0.85 };

    private protected override StepFunction Steps(MeasurementModel model) =>
        Reference
            ? (run, x, sigma, next) => ReferenceStep(run, model, x, sigma, next)
            : (run, x, sigma, next) => Step(run, model, x, sigma, next);

    private Tensor Step(SamplingRun run, MeasurementModel model, Tensor x, double sigma, double next)
    {
        var denoised = run.Denoise(x, sigma);
        var eta = Options.Eta;
        var noise = Math.Sqrt(1 - eta * eta) * (x - denoised) / sigma + eta * run.Normal();
        if (model.SigmaY == 0)
            return denoised + model.Back(model.Residual(denoised)) + next * noise; // W is 0 or 1: q = 0
        if (next == 0)
            return denoised; // W = 0: the denoiser has the last word over a noisy measurement
        var damping = model.SigmaY / next;
        var corrected = denoised + model.Back(model.Residual(denoised), damping);
        var once = model.Back(model.Apply(noise), damping); // W·n
        var twice = model.Back(model.Apply(once), damping); // W²·n
        return corrected + next * (noise - RootSlope * (once - twice));
    }

    private Tensor ReferenceStep(SamplingRun run, MeasurementModel model, Tensor x, double sigma, double next)
    {
        var denoised = run.Denoise(x, sigma);
        var noise = (1 - Options.Eta) * (x - denoised) / sigma + Options.Eta * run.Normal();
        var precise = next >= model.SigmaY;
        var trust = precise ? 1 : next / model.SigmaY; // λ
        var scale = precise ? Math.Sqrt(next * next - model.SigmaY * model.SigmaY) : 0; // γ
        return denoised + trust * model.Back(model.Residual(denoised)) + scale * noise;
    }
}

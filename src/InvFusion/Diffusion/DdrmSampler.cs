using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>
/// Denoising diffusion restoration (Kawar et al., "Denoising diffusion restoration models"): every step replaces what was measured by the measurement, to the
/// degree that its noise allows, and brings the rest down with η of fresh noise.
/// </summary>
/// <remarks>
/// The paper decides for each singular value s of H. Any weight of the measurement keeps its marginals (η_b, eq. 7-8); with W = s²σ'²/(s²σ'² + σ_y²), the Wiener
/// weight, no decomposition is needed: W = H⁺_λ H with λ = σ_y/σ', and the remaining noise σ'²(1 - W(1 - W)) is the sum of three draws.
/// The reference form takes every s for 1, lets the null space through where σ' &lt; σ_y, and has σ' - σ_y for √(σ'² - σ_y²).
/// </remarks>
public sealed class DdrmSampler : ZeroShotSampler
{
    /// <summary>Creates the sampler.</summary>
    /// <exception cref="ConfigurationException">An option is out of range.</exception>
    public DdrmSampler(ZeroShotOptions? options = null)
        : base("ddrm", options ?? Defaults) { }

    /// <summary>25 steps, η 0.85.</summary>
    public static ZeroShotOptions Defaults { get; } = new() { Steps = 25, Eta = 0.85 };

    private protected override StepFunction Steps(MeasurementModel model) =>
        Reference
            ? (run, x, sigma, next) => ReferenceStep(run, model, x, sigma, next)
            : (run, x, sigma, next) => Step(run, model, x, sigma, next);

    private protected override Tensor Start(MeasurementModel model, Tensor noise, double sigma) =>
        noise + model.Back(model.Measured, Reference ? 0 : model.SigmaY / sigma);

    private Tensor Step(SamplingRun run, MeasurementModel model, Tensor x, double sigma, double next)
    {
        var denoised = run.Denoise(x, sigma);
        var unmeasured = Mix((x - denoised) / sigma, run.Normal());
        var fresh = run.Normal();
        var start = denoised + next * unmeasured;
        var measured = model.Measured;
        if (model.SigmaY > 0)
            measured = measured + model.SigmaY * model.Noise();
        if (next == 0 && model.SigmaY > 0)
            return start; // W = 0: the denoiser has the last word over a noisy measurement
        var damping = model.SigmaY > 0 ? model.SigmaY / next : 0;
        // (1 - W)·(x₀ + σ'u) + W·σ'n + H⁺_λ(y + σ_y m)
        return start + model.Back(measured - model.Apply(start - next * fresh), damping);
    }

    private Tensor ReferenceStep(SamplingRun run, MeasurementModel model, Tensor x, double sigma, double next)
    {
        var denoised = run.Denoise(x, sigma);
        var free = denoised + next * Mix((x - denoised) / sigma, run.Normal());
        var noise = run.Normal();
        if (next >= model.SigmaY)
            return free + model.Back(model.Residual(free + (next - model.SigmaY) * noise));
        var known = Mix((model.Back(model.Measured) - denoised) / model.SigmaY, model.Back(model.Apply(noise)));
        return free - model.Back(model.Apply(free)) + next * known;
    }

    // √(1-η²)·d + η·n
    private Tensor Mix(Tensor direction, Tensor noise) => Math.Sqrt(1 - Options.Eta * Options.Eta) * direction + Options.Eta * noise;
}

using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>
/// Diffusion posterior sampling (Chung et al., "Diffusion posterior sampling for general noisy inverse problems"): after each unconditional step, a step of
/// length ζ against the gradient of ‖y - H D(x, σ)‖, sample by sample.
/// </summary>
/// <remarks>
/// The paper's x is x/√(1+σ²) here, so its step is ζ·√((1+σ²)(1+σ'²)) on this scale; the residual is in units of the images. σ_y does not appear in it: ζ stands
/// for it. The reference form takes one norm over the whole batch, so that samples pull at each other, and a step of ζ = 0.5 at every σ.
/// </remarks>
public sealed class DpsSampler : ZeroShotSampler
{
    /// <summary>Creates the sampler.</summary>
    /// <exception cref="ConfigurationException">An option is out of range.</exception>
    public DpsSampler(ZeroShotOptions? options = null)
        : base("dps", options ?? Defaults) { }

    /// <summary>1000 steps, η 1, ζ 0.5.</summary>
    public static ZeroShotOptions Defaults { get; } = new() { Steps = 1000 };

    private protected override StepFunction Steps(MeasurementModel model) => (run, x, sigma, next) => Step(run, model, x, sigma, next);

    private Tensor Step(SamplingRun run, MeasurementModel model, Tensor x, double sigma, double next)
    {
        var (denoised, gradient) = run.DenoiseWithGradient(
            x,
            sigma,
            image => Reference ? model.Residual(image).norm() : Norms(model.Residual(image)).sum() / model.Gain
        );
        var (keep, fresh) = SamplingRun.Ddim(sigma, next, Options.Eta);
        var step = Options.StepSize * (Reference ? 1 : Math.Sqrt((1 + sigma * sigma) * (1 + next * next)));
        return denoised + keep * (x - denoised) / sigma + fresh * run.Normal() - step * gradient;
    }

    // ‖r‖ of each sample; a residual of zero has no direction, and no gradient either.
    private static Tensor Norms(Tensor residual) => (residual.square().sum([1, 2]) + 1e-20).sqrt();
}

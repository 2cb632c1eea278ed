using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>
/// Pseudo-inverse guidance (Song et al., "Pseudoinverse-guided diffusion models for inverse problems"): the score of the measurement is that of a Gaussian
/// around D(x, σ) with the variance r² = σ²σ_d²/(σ² + σ_d²), taken through the denoiser by its gradient.
/// </summary>
/// <remarks>
/// The guided denoiser D + (σ²/r²)·∇ₓ⟨H⁺_{σ_y/r}(y - H D), D⟩ (Tweedie) is exact where the prior is an isotropic Gaussian of standard deviation σ_d; it is stepped
/// with η as in DDIM. The reference form adds the gradient to x unweighted, damps H⁺ by σ_y instead of σ_y/r, ignores η and uses the network's H⁺ for blur.
/// </remarks>
public sealed class PigdmSampler : ZeroShotSampler
{
    private const double DataStd = 0.5; // σ_d of EDM, for images in [-1, 1]

    /// <summary>Creates the sampler.</summary>
    /// <exception cref="ConfigurationException">An option is out of range.</exception>
    public PigdmSampler(ZeroShotOptions? options = null)
        : base("pigdm", options ?? Defaults) { }

    /// <summary>100 steps, η 1.</summary>
    public static ZeroShotOptions Defaults { get; } = new() { Steps = 100 };

    private protected override StepFunction Steps(MeasurementModel model) =>
        Reference
            ? (run, x, sigma, next) => ReferenceStep(run, model, x, sigma, next)
            : (run, x, sigma, next) => Step(run, model, x, sigma, next);

    private Tensor Step(SamplingRun run, MeasurementModel model, Tensor x, double sigma, double next)
    {
        var uncertainty = sigma * DataStd / Math.Sqrt(sigma * sigma + DataStd * DataStd); // r
        var (denoised, gradient) = Guide(run, model, x, sigma, model.SigmaY / uncertainty);
        var guided = denoised + sigma * sigma / (uncertainty * uncertainty) * gradient;
        var (keep, fresh) = SamplingRun.Ddim(sigma, next, Options.Eta);
        return guided + keep * (x - guided) / sigma + fresh * run.Normal();
    }

    private static Tensor ReferenceStep(SamplingRun run, MeasurementModel model, Tensor x, double sigma, double next)
    {
        var (denoised, gradient) = Guide(run, model, x, sigma, model.SigmaY);
        return x + (next - sigma) * (x - denoised) / sigma + gradient;
    }

    // D and ∇ₓ⟨v, D⟩ with v = H⁺_λ(y - H D) held fixed.
    private static (Tensor Denoised, Tensor Gradient) Guide(
        SamplingRun run,
        MeasurementModel model,
        Tensor x,
        double sigma,
        double damping
    ) =>
        run.DenoiseWithGradient(
            x,
            sigma,
            denoised =>
            {
                using var noGrad = no_grad();
                var wanted = model.Back(model.Residual(denoised.detach()), damping);
                using var gradients = enable_grad();
                return (wanted * denoised).sum();
            }
        );
}

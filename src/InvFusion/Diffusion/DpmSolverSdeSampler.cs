using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>
/// SDE-DPM-Solver++(2M) (Lu et al., "DPM-Solver++", appendix A): the step of <see cref="DpmSolverSampler"/> over h + ηh and fresh noise of standard deviation
/// σ'·√(1 - e^{-2ηh}), so that the noise in x stays that of its level whatever η.
/// </summary>
public sealed class DpmSolverSdeSampler : MultistepSampler
{
    /// <summary>Creates the sampler.</summary>
    /// <exception cref="ConfigurationException">An option is out of range.</exception>
    public DpmSolverSdeSampler(MultistepOptions? options = null)
        : base("dpmpp-2m-sde", options ?? Defaults, memory: 1, highestOrder: 2) { }

    /// <summary>24 steps, ρ 7, η 1.</summary>
    public static MultistepOptions Defaults { get; } = new() { Steps = 24 };

    private protected override Tensor Step(SamplingRun run, StepHistory history, Tensor x, Tensor denoised, double sigma, double next)
    {
        var estimate = DpmSolverSampler.Midway(history, denoised, sigma, next);
        history.Add(sigma, denoised);
        var ratio = next / sigma; // e^{-h}
        var kept = ratio * Math.Pow(ratio, Options.Eta); // e^{-(1 + η)h}
        var fresh = next * Math.Sqrt(1 - Math.Pow(ratio, 2 * Options.Eta));
        return x.mul(kept).add_(estimate, alpha: 1 - kept).add_(run.Normal(), alpha: fresh);
    }
}

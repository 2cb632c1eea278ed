using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>DPM-Solver++(2M) (Lu et al., "DPM-Solver++: fast solver for guided sampling of diffusion probabilistic models", algorithm 2): second order in ln σ, on D.</summary>
public sealed class DpmSolverSampler : MultistepSampler
{
    /// <summary>Creates the sampler.</summary>
    /// <exception cref="ConfigurationException">An option is out of range.</exception>
    public DpmSolverSampler(MultistepOptions? options = null)
        : base("dpmpp-2m", options ?? Defaults, memory: 1, highestOrder: 2) { }

    /// <summary>16 steps, ρ 7.</summary>
    public static MultistepOptions Defaults { get; } = new() { Steps = 16 };

    private protected override Tensor Step(SamplingRun run, StepHistory history, Tensor x, Tensor denoised, double sigma, double next)
    {
        var estimate = Midway(history, denoised, sigma, next);
        history.Add(sigma, denoised);
        var kept = next / sigma; // e^{-h}, h = ln(σ/σ')
        return x.mul(kept).add_(estimate, alpha: 1 - kept);
    }

    /// <summary>D extrapolated to the middle of the step in ln σ: D + (D - D_last)/2r, r = h_last/h; D itself in the first step.</summary>
    internal static Tensor Midway(StepHistory history, Tensor denoised, double sigma, double next)
    {
        if (history.Count == 0)
            return denoised;
        var (before, last) = history[0];
        var ratio = Math.Log(before / sigma) / Math.Log(sigma / next);
        return denoised.mul(1 + 0.5 / ratio).add_(last, alpha: -0.5 / ratio);
    }
}

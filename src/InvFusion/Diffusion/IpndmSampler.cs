using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>
/// Improved pseudo linear multistep steps (Zhang and Chen, "Fast sampling of diffusion models with exponential integrator", iPNDM): Adams-Bashforth on
/// dx/dσ = (x - D)/σ with a first step of Euler and rising order behind it.
/// </summary>
/// <remarks>
/// The weights are those of equal steps of σ, where they have their order; on levels whose spacing changes the error falls with the square of the number of steps,
/// and the higher orders have smaller constants.
/// </remarks>
public sealed class IpndmSampler : MultistepSampler
{
    // Weights of the derivatives d, the newest first; by order - 1.
    private static readonly double[][] AdamsBashforth =
    [
        [1],
        [3 / 2.0, -1 / 2.0],
        [23 / 12.0, -16 / 12.0, 5 / 12.0],
        [55 / 24.0, -59 / 24.0, 37 / 24.0, -9 / 24.0],
    ];

    /// <summary>Creates the sampler.</summary>
    /// <exception cref="ConfigurationException">An option is out of range.</exception>
    public IpndmSampler(MultistepOptions? options = null)
        : base("ipndm", options ?? Defaults, AdamsBashforth.Length - 1, AdamsBashforth.Length) { }

    /// <summary>12 steps of order 4, ρ 7.</summary>
    public static MultistepOptions Defaults { get; } = new() { Steps = 12, Order = 4 };

    private protected override Tensor Step(SamplingRun run, StepHistory history, Tensor x, Tensor denoised, double sigma, double next)
    {
        var slope = x.sub(denoised).div_(sigma); // d = (x - D)/σ
        var weights = AdamsBashforth[Math.Min(Options.Order, history.Count + 1) - 1];
        var sum = slope.mul(weights[0]);
        for (var i = 1; i < weights.Length; i++)
            sum.add_(history[i - 1].Value, alpha: weights[i]);
        history.Add(sigma, slope);
        return x.add(sum, alpha: next - sigma);
    }
}

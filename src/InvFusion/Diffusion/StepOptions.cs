using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>What every sampler that walks down the noise levels can be told (EDM, algorithm 2).</summary>
public record StepOptions
{
    /// <summary>The most steps that a sampler takes: beyond, levels differ by less than float32 can tell, and days pass.</summary>
    public const int MostSteps = 100_000;

    /// <summary>N, the number of steps, 1 to <see cref="MostSteps"/>.</summary>
    public int Steps { get; init; } = 32;

    /// <summary>The noise levels.</summary>
    public NoiseSchedule Schedule { get; init; } = new();

    /// <summary>Noise levels to walk down in place of <see cref="Schedule"/>, one for each step; null for those of the formula.</summary>
    public NoiseLevels? Levels { get; init; }

    /// <summary>S_churn: how much fresh noise is added in all; 0 adds none.</summary>
    public double Churn { get; init; }

    /// <summary>S_min: noise is added only at σ of at least this.</summary>
    public double ChurnMin { get; init; }

    /// <summary>S_max: noise is added only at σ of at most this.</summary>
    public double ChurnMax { get; init; } = double.PositiveInfinity;

    /// <summary>S_noise: standard deviation of the added noise; slightly above 1 makes up for what the denoiser removes too much.</summary>
    public double ChurnNoise { get; init; } = 1;

    /// <summary>Checks the values.</summary>
    /// <exception cref="ConfigurationException">One is out of range; the message names it.</exception>
    public virtual void Validate()
    {
        Schedule.Validate();
        if (Steps is < 1 or > MostSteps)
            throw new ConfigurationException($"steps is {Steps}: it must be 1 to {MostSteps}");
        _ = Levels?.ForSteps(Steps);
        if (!(Churn >= 0 && double.IsFinite(Churn)))
            throw new ConfigurationException($"churn is {Churn}: it must be 0 or more");
        if (!(ChurnMin >= 0 && ChurnMax >= ChurnMin))
            throw new ConfigurationException($"churn-min is {ChurnMin} and churn-max {ChurnMax}: 0 ≤ churn-min ≤ churn-max must hold");
        if (!(ChurnNoise >= 0 && double.IsFinite(ChurnNoise)))
            throw new ConfigurationException($"churn-noise is {ChurnNoise}: it must be 0 or more");
    }

    // steps + 1 levels, the last of them 0.
    internal double[] Sigmas() => Levels?.ForSteps(Steps) ?? Schedule.Levels(Steps);

    // Lines 4-6 of the algorithm: raise the noise level by the factor 1 + γ.
    internal (Tensor X, double Sigma) AddNoise(SamplingRun run, Tensor x, double sigma)
    {
        var active = Churn > 0 && sigma >= ChurnMin && sigma <= ChurnMax;
        if (!active)
            return (x, sigma);
        var gamma = Math.Min(Churn / Steps, Math.Sqrt(2) - 1);
        var raised = sigma * (1 + gamma);
        return (x.add(run.Normal(), Math.Sqrt(raised * raised - sigma * sigma) * ChurnNoise), raised);
    }
}

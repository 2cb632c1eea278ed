namespace InvFusion.Diffusion;

/// <summary>The noise levels that a sampler walks down (EDM, eq. 5).</summary>
public sealed record NoiseSchedule
{
    /// <summary>Lowest noise level before 0, in units of the images.</summary>
    public double SigmaMin { get; init; } = 0.002;

    /// <summary>Noise level of the start, in units of the images.</summary>
    public double SigmaMax { get; init; } = 80;

    /// <summary>ρ: the larger, the more levels lie near <see cref="SigmaMin"/>; 1 spaces them evenly, infinity evenly in ln σ.</summary>
    public double Rho { get; init; } = 7;

    /// <summary>σ₀ = σ_max &gt; … &gt; σ_{N-1} = σ_min, then σ_N = 0: steps + 1 levels (with one step: σ_max and 0).</summary>
    /// <exception cref="ConfigurationException">The number of steps is not positive or the schedule is not valid.</exception>
    public double[] Levels(int steps)
    {
        Validate();
        if (steps < 1)
            throw new ConfigurationException($"steps is {steps}: it must be at least 1");
        var logarithmic = double.IsPositiveInfinity(Rho); // the limit of the formula
        var (high, low) = logarithmic
            ? (Math.Log(SigmaMax), Math.Log(SigmaMin))
            : (Math.Pow(SigmaMax, 1 / Rho), Math.Pow(SigmaMin, 1 / Rho));
        var levels = new double[steps + 1]; // the last one stays 0
        for (var i = 0; i < steps; i++)
        {
            var level = high + i / Math.Max(steps - 1.0, 1) * (low - high);
            levels[i] = logarithmic ? Math.Exp(level) : Math.Pow(level, Rho);
        }
        return levels;
    }

    /// <summary>Checks the values.</summary>
    /// <exception cref="ConfigurationException">One is out of range; the message names it.</exception>
    public void Validate()
    {
        if (!(SigmaMin > 0 && double.IsFinite(SigmaMin)))
            throw new ConfigurationException($"sigma-min is {SigmaMin}: it must be positive");
        if (!(SigmaMax > SigmaMin && double.IsFinite(SigmaMax)))
            throw new ConfigurationException($"sigma-max is {SigmaMax}: it must be larger than sigma-min ({SigmaMin})");
        if (!(Rho > 0))
            throw new ConfigurationException($"rho is {Rho}: it must be positive");
    }
}

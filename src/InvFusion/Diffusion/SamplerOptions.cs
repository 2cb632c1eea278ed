namespace InvFusion.Diffusion;

/// <summary>The options that a user may give to a sampler by name; what is not given keeps the sampler's own default.</summary>
public sealed record SamplerOptions
{
    /// <summary>Number of steps.</summary>
    public int? Steps { get; init; }

    /// <summary>Lowest noise level before 0.</summary>
    public double? SigmaMin { get; init; }

    /// <summary>Noise level of the start.</summary>
    public double? SigmaMax { get; init; }

    /// <summary>ρ of the noise schedule.</summary>
    public double? Rho { get; init; }

    /// <summary>S_churn.</summary>
    public double? Churn { get; init; }

    /// <summary>S_min.</summary>
    public double? ChurnMin { get; init; }

    /// <summary>S_max.</summary>
    public double? ChurnMax { get; init; }

    /// <summary>S_noise.</summary>
    public double? ChurnNoise { get; init; }

    /// <summary>The given options with their command-line names.</summary>
    internal IEnumerable<string> Given()
    {
        (string Name, object? Value)[] all =
        [
            ("steps", Steps),
            ("sigma-min", SigmaMin),
            ("sigma-max", SigmaMax),
            ("rho", Rho),
            ("churn", Churn),
            ("churn-min", ChurnMin),
            ("churn-max", ChurnMax),
            ("churn-noise", ChurnNoise),
        ];
        return all.Where(o => o.Value is not null).Select(o => o.Name);
    }
}

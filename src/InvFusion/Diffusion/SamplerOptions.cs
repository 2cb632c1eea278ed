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

    /// <summary>Noise levels one by one, in place of <see cref="SigmaMin"/>, <see cref="SigmaMax"/> and <see cref="Rho"/>: those that a model carries for this number of steps.</summary>
    public NoiseLevels? Levels { get; init; }

    /// <summary>S_churn.</summary>
    public double? Churn { get; init; }

    /// <summary>S_min.</summary>
    public double? ChurnMin { get; init; }

    /// <summary>S_max.</summary>
    public double? ChurnMax { get; init; }

    /// <summary>S_noise.</summary>
    public double? ChurnNoise { get; init; }

    /// <summary>η, how much fresh noise a step draws.</summary>
    public double? Eta { get; init; }

    /// <summary>How far a gradient step goes.</summary>
    public double? StepSize { get; init; }

    /// <summary>Langevin steps at each noise level.</summary>
    public int? LangevinSteps { get; init; }

    /// <summary>The paper's form of a zero-shot method, or the public implementation's.</summary>
    public SamplerVariant? Variant { get; init; }

    /// <summary>The given options with their command-line names and values.</summary>
    public IReadOnlyDictionary<string, object> Given() => All.Where(o => o.Value is not null).ToDictionary(o => o.Name, o => o.Value!);

    /// <summary>Those of the options that a sampler knows, for a run of several samplers with one set of options.</summary>
    public SamplerOptions For(SamplerKind kind)
    {
        return new SamplerOptions
        {
            Steps = Known("steps", Steps),
            SigmaMin = Known("sigma-min", SigmaMin),
            SigmaMax = Known("sigma-max", SigmaMax),
            Rho = Known("rho", Rho),
            Levels = kind.TakesLevels ? Levels : null,
            Churn = Known("churn", Churn),
            ChurnMin = Known("churn-min", ChurnMin),
            ChurnMax = Known("churn-max", ChurnMax),
            ChurnNoise = Known("churn-noise", ChurnNoise),
            Eta = Known("eta", Eta),
            StepSize = Known("step-size", StepSize),
            LangevinSteps = Known("langevin-steps", LangevinSteps),
            Variant = Known("variant", Variant),
        };

        T? Known<T>(string name, T? value)
            where T : struct => kind.OptionNames.Contains(name) ? value : null;
    }

    private (string Name, object? Value)[] All =>
        [
            ("steps", Steps),
            ("sigma-min", SigmaMin),
            ("sigma-max", SigmaMax),
            ("rho", Rho),
            ("schedule", Levels),
            ("churn", Churn),
            ("churn-min", ChurnMin),
            ("churn-max", ChurnMax),
            ("churn-noise", ChurnNoise),
            ("eta", Eta),
            ("step-size", StepSize),
            ("langevin-steps", LangevinSteps),
            ("variant", Variant),
        ];
}

namespace InvFusion.Diffusion;

/// <summary>The samplers by name. A new one is one file and one line here.</summary>
public static class Samplers
{
    private static readonly string[] ScheduleOptions = ["steps", "sigma-min", "sigma-max", "rho"];
    private static readonly string[] EdmOptionNames = [.. ScheduleOptions, "churn", "churn-min", "churn-max", "churn-noise"];

    /// <summary>Every sampler, in the order in which they are listed to users.</summary>
    public static IReadOnlyList<SamplerKind> All { get; } =
    [
        new("edm", "posterior sampling with Heun's 2nd-order steps", 32, Conditional: true, EdmOptionNames, Edm)
        {
            Evaluations = n => 2 * n - 1,
        },
        new("mmse", "the posterior mean in one evaluation", 1, Conditional: true, [], _ => new MmseEstimator()),
    ];

    /// <summary>The sampler of a name.</summary>
    /// <exception cref="ConfigurationException">There is none; the message lists those that there are.</exception>
    public static SamplerKind Find(string name) =>
        All.FirstOrDefault(s => s.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ConfigurationException($"there is no sampler '{name}': choose one of {string.Join(", ", All.Select(s => s.Name))}");

    /// <summary>Builds a sampler.</summary>
    /// <exception cref="ConfigurationException">The name is unknown, an option does not belong to it, or a value is out of range.</exception>
    public static ISampler Create(string name, SamplerOptions? options = null)
    {
        var kind = Find(name);
        options ??= new SamplerOptions();
        if (options.Given().Except(kind.OptionNames).FirstOrDefault() is { } unknown)
            throw new ConfigurationException(
                kind.OptionNames.Count == 0
                    ? $"the sampler {kind.Name} takes no options: leave {unknown} out"
                    : $"the sampler {kind.Name} has no option {unknown}: it knows {string.Join(", ", kind.OptionNames)}"
            );
        return kind.Build(options);
    }

    private static EdmSampler Edm(SamplerOptions o)
    {
        var defaults = new EdmOptions();
        return new EdmSampler(
            new EdmOptions
            {
                Steps = o.Steps ?? defaults.Steps,
                Schedule = Schedule(o),
                Churn = o.Churn ?? defaults.Churn,
                ChurnMin = o.ChurnMin ?? defaults.ChurnMin,
                ChurnMax = o.ChurnMax ?? defaults.ChurnMax,
                ChurnNoise = o.ChurnNoise ?? defaults.ChurnNoise,
            }
        );
    }

    private static NoiseSchedule Schedule(SamplerOptions o)
    {
        var defaults = new NoiseSchedule();
        return new NoiseSchedule
        {
            SigmaMin = o.SigmaMin ?? defaults.SigmaMin,
            SigmaMax = o.SigmaMax ?? defaults.SigmaMax,
            Rho = o.Rho ?? defaults.Rho,
        };
    }
}

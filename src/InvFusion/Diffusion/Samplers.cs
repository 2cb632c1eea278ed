namespace InvFusion.Diffusion;

/// <summary>The samplers by name. A new one is one file and one line here.</summary>
public static class Samplers
{
    /// <summary>Evaluations of the denoiser from which on a method counts as slow: tables give it fewer images or samples.</summary>
    public const int SlowEvaluations = 500;

    private static readonly string[] ScheduleOptions = ["steps", "sigma-min", "sigma-max", "rho"];
    private static readonly string[] StepOptionNames = [.. ScheduleOptions, "churn", "churn-min", "churn-max", "churn-noise"];
    private static readonly string[] MultistepOptionNames = [.. ScheduleOptions, "schedule"];
    private static readonly string[] EtaOptions = [.. StepOptionNames, "eta", "variant"];
    private static readonly string[] DpsOptions = [.. EtaOptions, "step-size"];
    private static readonly string[] DapsOptions = [.. StepOptionNames, "variant", "step-size", "langevin-steps"];

    /// <summary>Every sampler, in the order in which they are listed to users.</summary>
    public static IReadOnlyList<SamplerKind> All { get; } =
    [
        new("edm", "posterior sampling with Heun's 2nd-order steps", 32, Conditional: true, StepOptionNames, Edm)
        {
            Evaluations = steps => 2 * steps - 1,
        },
        new(
            "ipndm",
            "Adams-Bashforth steps of order 1 to 4",
            12,
            true,
            MultistepOptionNames,
            o => new IpndmSampler(Multistep(o, IpndmSampler.Defaults))
        ),
        new(
            "dpmpp-2m",
            "DPM-Solver++ of 2nd order in ln σ",
            16,
            true,
            MultistepOptionNames,
            o => new DpmSolverSampler(Multistep(o, DpmSolverSampler.Defaults))
        ),
        new(
            "dpmpp-2m-sde",
            "DPM-Solver++ of 2nd order with fresh noise",
            24,
            true,
            [.. MultistepOptionNames, "eta"],
            o => new DpmSolverSdeSampler(Multistep(o, DpmSolverSdeSampler.Defaults))
        ),
        new(
            "unipc",
            "predictor and corrector of 3rd order",
            12,
            true,
            MultistepOptionNames,
            o => new UniPcSampler(Multistep(o, UniPcSampler.Defaults))
        ),
        new("mmse", "the posterior mean in one evaluation", 1, Conditional: true, [], _ => new MmseEstimator()),
        new("nppc", "the posterior mean and its principal directions", 1, Conditional: true, [], _ => new NppcEstimator())
        {
            NeedsDirections = true,
        },
        new("linear", "the best linear estimate, without a network", 1, Conditional: false, [], _ => new LinearEstimateSampler())
        {
            NeedsNetwork = false,
            Evaluations = _ => 0,
        },
        new("ddrm", "denoising diffusion restoration", 25, false, EtaOptions, o => new DdrmSampler(ZeroShot(o, DdrmSampler.Defaults))),
        new("ddnm", "null-space projection", 100, false, EtaOptions, o => new DdnmSampler(ZeroShot(o, DdnmSampler.Defaults))),
        new("pigdm", "pseudo-inverse guidance", 100, false, EtaOptions, o => new PigdmSampler(ZeroShot(o, PigdmSampler.Defaults)))
        {
            Differentiates = true,
        },
        new("dps", "diffusion posterior sampling", 1000, false, DpsOptions, o => new DpsSampler(ZeroShot(o, DpsSampler.Defaults)))
        {
            Differentiates = true,
        },
        new("daps", "decoupled annealing", 200, false, DapsOptions, o => new DapsSampler(ZeroShot(o, DapsSampler.Defaults)))
        {
            Evaluations = steps => 5 * steps,
        },
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
        if (options.Given().Keys.Except(kind.OptionNames).FirstOrDefault() is { } unknown)
            throw new ConfigurationException(
                kind.OptionNames.Count == 0
                    ? $"the sampler {kind.Name} takes no options: leave {unknown} out"
                    : $"the sampler {kind.Name} has no option {unknown}: it knows {string.Join(", ", kind.OptionNames)}"
            );
        return kind.Build(options);
    }

    private static EdmSampler Edm(SamplerOptions o) => new(Walk(o, new EdmOptions()));

    private static MultistepOptions Multistep(SamplerOptions o, MultistepOptions defaults) =>
        Walk(o, defaults) with
        {
            Eta = o.Eta ?? defaults.Eta,
        };

    private static ZeroShotOptions ZeroShot(SamplerOptions o, ZeroShotOptions defaults) =>
        Walk(o, defaults) with
        {
            Eta = o.Eta ?? defaults.Eta,
            StepSize = o.StepSize ?? defaults.StepSize,
            LangevinSteps = o.LangevinSteps ?? defaults.LangevinSteps,
            Variant = o.Variant ?? defaults.Variant,
        };

    private static T Walk<T>(SamplerOptions o, T defaults)
        where T : StepOptions =>
        (T)(
            defaults with
            {
                Steps = o.Steps ?? defaults.Steps,
                Schedule = defaults.Schedule with
                {
                    SigmaMin = o.SigmaMin ?? defaults.Schedule.SigmaMin,
                    SigmaMax = o.SigmaMax ?? defaults.Schedule.SigmaMax,
                    Rho = o.Rho ?? defaults.Schedule.Rho,
                },
                Levels = o.Levels,
                Churn = o.Churn ?? defaults.Churn,
                ChurnMin = o.ChurnMin ?? defaults.ChurnMin,
                ChurnMax = o.ChurnMax ?? defaults.ChurnMax,
                ChurnNoise = o.ChurnNoise ?? defaults.ChurnNoise,
            }
        );
}

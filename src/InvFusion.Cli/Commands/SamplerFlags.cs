using System.CommandLine;
using InvFusion.Diffusion;

namespace InvFusion.Cli.Commands;

/// <summary>The options of the samplers beside --steps and --churn; which sampler knows which is for <see cref="Samplers"/> to say.</summary>
internal sealed class SamplerFlags
{
    private readonly Option<double?> _sigmaMin = new("--sigma-min") { HelpName = "above 0", Description = "Lowest noise level before 0" };
    private readonly Option<double?> _sigmaMax = new("--sigma-max")
    {
        HelpName = "above --sigma-min",
        Description = "Noise level of the start",
    };
    private readonly Option<double?> _rho = new("--rho")
    {
        HelpName = "above 0",
        Description = "ρ of the noise levels: the larger, the more lie near the lowest; Infinity spaces them evenly in ln σ",
    };
    private readonly Option<double?> _churnMin = new("--churn-min")
    {
        HelpName = "0 or more",
        Description = "S_min: churn acts at σ of at least this",
    };
    private readonly Option<double?> _churnMax = new("--churn-max")
    {
        HelpName = "0 or more",
        Description = "S_max: churn acts at σ of at most this",
    };
    private readonly Option<double?> _churnNoise = new("--churn-noise")
    {
        HelpName = "0 or more",
        Description = "S_noise: standard deviation of the churn's noise",
    };
    private readonly Option<double?> _eta = new("--eta")
    {
        HelpName = "0 or more",
        Description = "η of ddrm, ddnm, pigdm, dps, dpmpp-2m-sde: how much fresh noise a step draws",
    };
    private readonly Option<double?> _stepSize = new("--step-size")
    {
        HelpName = "above 0",
        Description = "How far a gradient step of dps or daps goes",
    };
    private readonly Option<int?> _langevin = new("--langevin-steps")
    {
        HelpName = "0 or more",
        Description = "Langevin steps of daps at a level; 0 draws exactly",
    };
    private readonly Option<SamplerVariant?> _variant = new("--variant")
    {
        Description = "paper, or reference for the public implementation's form of a zero-shot method",
    };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (
            var option in new Option[]
            {
                _sigmaMin,
                _sigmaMax,
                _rho,
                _churnMin,
                _churnMax,
                _churnNoise,
                _eta,
                _stepSize,
                _langevin,
                _variant,
            }
        )
            command.Add(option);
    }

    /// <summary>Whether one of the options of churn was given.</summary>
    public bool Churns(ParseResult parsed) => new Option[] { _churnMin, _churnMax, _churnNoise }.Any(o => SharedOptions.IsGiven(parsed, o));

    /// <summary>What was given.</summary>
    public SamplerOptions Read(ParseResult parsed, int? steps, double? churn = null) =>
        new()
        {
            Steps = steps,
            Churn = churn,
            SigmaMin = parsed.GetValue(_sigmaMin),
            SigmaMax = parsed.GetValue(_sigmaMax),
            Rho = parsed.GetValue(_rho),
            ChurnMin = parsed.GetValue(_churnMin),
            ChurnMax = parsed.GetValue(_churnMax),
            ChurnNoise = parsed.GetValue(_churnNoise),
            Eta = parsed.GetValue(_eta),
            StepSize = parsed.GetValue(_stepSize),
            LangevinSteps = parsed.GetValue(_langevin),
            Variant = parsed.GetValue(_variant),
        };
}

namespace InvFusion.Diffusion;

/// <summary>One line of the table of samplers.</summary>
/// <param name="Name">The name that a user gives.</param>
/// <param name="Summary">What it is, in one line.</param>
/// <param name="DefaultSteps">Steps when none are given.</param>
/// <param name="Conditional">Whether the denoiser must see H and y; otherwise it is unconditional and the sampler uses the inverse problem.</param>
/// <param name="OptionNames">The options it knows; others are refused.</param>
/// <param name="Build">Builds it from options that are all known.</param>
public sealed record SamplerKind(
    string Name,
    string Summary,
    int DefaultSteps,
    bool Conditional,
    IReadOnlyList<string> OptionNames,
    Func<SamplerOptions, ISampler> Build
)
{
    /// <summary>Evaluations of the denoiser from the number of steps; one each, unless the table says otherwise.</summary>
    public Func<int, int> Evaluations { get; init; } = steps => steps;

    /// <summary>Whether it asks the denoiser at all; what does not, restores without a network.</summary>
    public bool NeedsNetwork { get; init; } = true;

    /// <summary>Whether it restores with an unconditional denoiser and meets H and y itself.</summary>
    public bool ZeroShot => !Conditional && NeedsNetwork;

    /// <summary>Whether the denoiser must be an <see cref="IDirectionDenoiser"/>.</summary>
    public bool NeedsDirections { get; init; }

    /// <summary>Whether it asks for gradients through the network, which keeps the activations of all layers then.</summary>
    public bool Differentiates { get; init; }

    /// <summary>Whether it gives the mean alone: its samples differ by nothing that matters.</summary>
    public bool PointEstimate => DefaultSteps == 1;

    /// <summary>Whether it can walk down noise levels that are given one by one (<see cref="SamplerOptions.Levels"/>).</summary>
    public bool TakesLevels => OptionNames.Contains("schedule");

    /// <summary>The most steps that take no more evaluations than this; 0 where one step takes more.</summary>
    public int StepsWithin(int evaluations) =>
        Enumerable.Range(1, Math.Max(0, evaluations)).LastOrDefault(s => Evaluations(s) <= evaluations);

    /// <summary>The steps that it takes with these options.</summary>
    public int StepsOf(SamplerOptions options) => options.Steps ?? DefaultSteps;
}

using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Evaluation;
using InvFusion.Metrics.Scores;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Runs;

/// <summary>Images that a model draws without a measurement; of a model with classes each is of a class drawn by its seed, unless one is given.</summary>
public sealed class UnconditionalImages : EvaluatedImages
{
    private const ulong ClassPurpose = 0x434C415353;

    private readonly ComparisonOptions _options;
    private readonly int? _class;

    /// <summary>Prepares the images.</summary>
    /// <param name="contestant">Who draws.</param>
    /// <param name="options">How many images, and seeds.</param>
    /// <param name="label">The class of all; null draws one for each.</param>
    /// <exception cref="ConfigurationException">An option is out of range, or the model does not fit.</exception>
    public UnconditionalImages(Contestant contestant, ComparisonOptions options, int? label = null)
        : base(options.Count, options.BatchSize, contestant, samples: 1)
    {
        ArgumentNullException.ThrowIfNull(contestant);
        options.Validate();
        if (!contestant.Kind.Conditional || contestant.Kind.PointEstimate)
            throw new ConfigurationException($"--method {contestant.Method}: draws no images without a measurement; use edm");
        var classes = contestant.Network.Configuration.Classes;
        if (label is { } c && (c < 0 || c >= classes))
            throw new ConfigurationException(
                classes == 0
                    ? $"--class {c}: the model has no classes; leave it out"
                    : $"--class {c}: the model has classes 0 to {classes - 1}"
            );
        if (contestant is { Guidance: not null, Guide: null } && classes == 0)
            throw new ConfigurationException("--cfg: guidance needs a model with classes, or --guide, a weaker model");
        (_options, _class) = (options, label);
    }

    /// <inheritdoc/>
    public override MetricNeeds Given => MetricNeeds.None;

    internal override BatchScores Score(
        MetricPlan plan,
        int first,
        int size,
        IProgress<SamplingProgress>? progress,
        CancellationToken cancellation
    )
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var network = Contestant.Network.Configuration;
        var shape = new ImageShape(network.Channels, network.Resolution, network.Resolution);
        ulong[] seeds = [.. Enumerable.Range(first, size).Select(i => SeedOf(_options.Seed, i, 0))];
        var labels =
            network.Classes == 0
                ? null
                : tensor(
                    seeds.Select(s => (long)(_class ?? new RandomStream(s, ClassPurpose).NextInt(0, network.Classes))).ToArray(),
                    device: _options.Device ?? CPU
                );
        var noise = new SampleNoise(seeds, _options.Device) { What = "image", First = first };
        var result = BatchSampler.Sample(Contestant, shape, noise, null, labels, progress, cancellation);
        return ScoreFinite(plan, result.Images.unsqueeze(0), null, first, [.. result.Failures.Select(f => f?.Message)]);
    }
}

using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Evaluation;
using InvFusion.Metrics.Scores;
using InvFusion.Restoration;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Runs;

/// <summary>Images of a set, degraded and restored; of a model with classes each is restored as the class that the set says.</summary>
public sealed class RestoredImages : EvaluatedImages
{
    private readonly IImageSet _set;
    private readonly DegradedImages _images;
    private readonly ComparisonOptions _options;

    /// <summary>Prepares the images.</summary>
    /// <param name="set">The clean images; not owned.</param>
    /// <param name="degradation">The degradation; random ones draw an operator for each image.</param>
    /// <param name="contestant">Who restores.</param>
    /// <param name="options">How many images, seeds, noise.</param>
    /// <param name="samples">Samples of each image.</param>
    /// <exception cref="ConfigurationException">An option is out of range, or the model does not fit.</exception>
    public RestoredImages(IImageSet set, DegradationSpec degradation, Contestant contestant, ComparisonOptions options, int samples)
        : base(Checked(options, set, samples).Count, options.BatchSize, contestant, samples)
    {
        ArgumentNullException.ThrowIfNull(contestant);
        MethodFit.Require($"--net {contestant.Model}", contestant.Network.Configuration, contestant.Method);
        var network = contestant.Network.Configuration;
        if (network.Classes > 0 && set.ClassCount > network.Classes)
            throw new ConfigurationException(
                $"--data: has {set.ClassCount} classes, the model {network.Classes}; use a set of the model's classes"
            );
        if (contestant is { Guidance: not null, Guide: null } && (network.Classes == 0 || set.ClassCount == 0))
            throw new ConfigurationException("--cfg: guidance needs a model and a set with classes, or --guide, a weaker model");
        (_set, _options) = (set, options);
        _images = new(set, degradation, options);
    }

    /// <inheritdoc/>
    public override MetricNeeds Given =>
        MetricNeeds.Truth
        | MetricNeeds.Measurement
        | (_options.SigmaY == 0 ? MetricNeeds.Projection : MetricNeeds.None)
        | (Samples > 1 ? MetricNeeds.Samples : MetricNeeds.None);

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
        using var batch = _images.ReadBatch(first, size);
        var labels = Labels(first, size);
        var problem = new InverseProblem(batch.Operator, batch.Measurements, _options.SigmaY);
        var failures = new string?[size];
        var samples = new List<Tensor>();
        for (var k = 0; k < Samples; k++)
        {
            var sample = k;
            var seeds = Enumerable.Range(first, size).Select(i => SeedOf(_options.Seed, i, sample));
            var noise = new SampleNoise(seeds, _options.Device) { What = "image", First = first };
            var result = BatchSampler.Sample(Contestant, _images.Shape, noise, problem, labels, progress, cancellation);
            for (var i = 0; i < size; i++)
                failures[i] ??= result.Failures[i]?.Message;
            samples.Add(result.Images);
        }
        return ScoreFinite(plan, stack(samples, 0), batch, first, failures);
    }

    private Tensor? Labels(int first, int size) =>
        Contestant.Network.Configuration.Classes == 0 || _set.ClassCount == 0
            ? null
            : tensor(Enumerable.Range(first, size).Select(i => (long)_set.Label(i)).ToArray(), device: _options.Device ?? CPU);

    private static ComparisonOptions Checked(ComparisonOptions options, IImageSet set, int samples)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(set);
        options.Validate();
        if (options.Count > set.Count)
            throw new ConfigurationException($"--num {options.Count}: must be 1 to {set.Count}, the images of the set");
        if (samples is < 1 or > 1000)
            throw new ConfigurationException($"--samples {samples}: must be 1 to 1000");
        return options;
    }
}

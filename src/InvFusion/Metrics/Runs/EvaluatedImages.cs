using InvFusion.Diffusion;
using InvFusion.Evaluation;
using InvFusion.Metrics.Scores;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Runs;

/// <summary>Images that are generated to be scored. A batch depends on nothing but its place, so that it can be made again or on another rank.</summary>
public abstract class EvaluatedImages
{
    private protected EvaluatedImages(int count, int batchSize, Contestant contestant, int samples) =>
        (Count, BatchSize, Contestant, Samples) = (count, batchSize, contestant, samples);

    /// <summary>How many images.</summary>
    public int Count { get; }

    /// <summary>Images of a batch.</summary>
    public int BatchSize { get; }

    /// <summary>Samples of each image.</summary>
    public int Samples { get; }

    /// <summary>What there is to compute metrics from.</summary>
    public abstract MetricNeeds Given { get; }

    /// <summary>Model and method.</summary>
    public Contestant Contestant { get; }

    /// <summary>Generates and scores a batch.</summary>
    internal abstract BatchScores Score(
        MetricPlan plan,
        int first,
        int size,
        IProgress<SamplingProgress>? progress,
        CancellationToken cancellation
    );

    /// <summary>The seed of a sample of an image: that of the first sample does not depend on how many there are.</summary>
    private protected static ulong SeedOf(ulong seed, int image, int sample) => seed + (ulong)image + ((ulong)sample << 32);

    /// <summary>Scores the images all of whose samples are finite.</summary>
    /// <param name="plan">The metrics.</param>
    /// <param name="samples"><c>[K, B, C, H, W]</c>.</param>
    /// <param name="batch">Truth and measurements, or null.</param>
    /// <param name="first">Number of the first image.</param>
    /// <param name="failures">For each image why it failed, where the sampler saw it.</param>
    private protected static BatchScores ScoreFinite(
        MetricPlan plan,
        Tensor samples,
        DegradedImages.Batch? batch,
        int first,
        string?[] failures
    )
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var finite = TensorMemory.Numbers<bool>(samples.transpose(0, 1).flatten(1).isfinite().all(1).cpu());
        long[] good = [.. finite.Index().Where(f => f.Item).Select(f => (long)f.Index)];
        string[] bad = [.. finite.Index().Where(f => !f.Item).Select(f => failures[f.Index] ?? $"image {first + f.Index} is not finite")];
        if (good.Length == 0)
            return BatchScorer.Score(plan, null, [], bad);
        if (batch is not null)
            return BatchScorer.Score(plan, batch, samples, good, bad);
        var index = tensor(good, device: samples.device);
        return BatchScorer.Score(plan, new(samples.index_select(1, index)), [.. good.Select(i => first + (int)i)], bad);
    }
}

using InvFusion.Diffusion;
using InvFusion.Evaluation;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Scores;

/// <summary>Scores batches by a plan.</summary>
internal static class BatchScorer
{
    /// <summary>Scores images.</summary>
    /// <param name="plan">The metrics.</param>
    /// <param name="batch">The images, all finite; null where there is none.</param>
    /// <param name="images">Their numbers in the set.</param>
    /// <param name="failures">A line for each image that has no score.</param>
    public static BatchScores Score(MetricPlan plan, ScoredImages? batch, int[] images, string[] failures)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var width = 2 * plan.ImageMetrics.Count;
        var scores = new double[images.Length * width];
        if (batch is not null && (plan.ImageMetrics.Any(m => m.Projected) || plan.SetMetrics.Any(m => m.Projected)))
            _ = batch.Projection; // made here, so that it lives as long as this scope
        if (batch is not null)
            foreach (var (m, metric) in plan.ImageMetrics.Index())
            foreach (var (i, score) in metric.Score(batch, plan.Tools).Index())
                (scores[i * width + 2 * m], scores[i * width + 2 * m + 1]) = (score.Numerator, score.Denominator);
        return new BatchScores
        {
            Images = images,
            Scores = scores,
            Features = plan.FeatureKeys.ToDictionary(key => key, key => batch is null ? [] : Vectors(plan, batch, key)),
            Failures = failures,
        };
    }

    /// <summary>Scores some of the images of a batch.</summary>
    /// <param name="plan">The metrics.</param>
    /// <param name="batch">Truth and measurements of the whole batch.</param>
    /// <param name="samples"><c>[K, B, C, H, W]</c>.</param>
    /// <param name="chosen">Which of the batch; all their samples are finite.</param>
    /// <param name="failures">A line for each other image.</param>
    public static BatchScores Score(MetricPlan plan, DegradedImages.Batch batch, Tensor samples, long[] chosen, params string[] failures)
    {
        using var scope = NewDisposeScope();
        var index = tensor(chosen, device: samples.device);
        using var op = batch.Operator.Select(chosen);
        var scored = new ScoredImages(samples.index_select(1, index))
        {
            Truth = batch.Truth.index_select(0, index),
            Operator = op,
            Measurements = batch.Measurements.index_select(0, index),
        };
        return Score(plan, scored, [.. chosen.Select(i => batch.First + (int)i)], failures);
    }

    private static float[] Vectors(MetricPlan plan, ScoredImages batch, FeatureKey key)
    {
        using var scope = NewDisposeScope();
        var pixels = PixelEncoding.Decode(key.Projected ? batch.Projection.Images : batch.Images);
        var vectors = plan.Tools.Extractor(key.Detector).Extract(pixels.expand(-1, 3, -1, -1)); // grey as grey colour
        return TensorMemory.Numbers<float>(vectors.cpu());
    }
}

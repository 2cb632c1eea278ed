using InvFusion.Evaluation;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Scores;

/// <summary>Scores of several samples of each image against the truth.</summary>
internal static class PosteriorScores
{
    /// <summary>
    /// Continuous ranked probability score of each number, averaged over the image, in units of images: E|x - t| - E|x - x'|/2, the second mean over pairs of different
    /// samples, so that the expectation does not depend on how many there are (Ferro, 2014).
    /// </summary>
    public static IEnumerable<ImageScore> Crps(ScoredImages batch, MetricTools tools)
    {
        using var scope = NewDisposeScope();
        var samples = batch.Samples.to_type(ScalarType.Float64); // [K, B, C, H, W]
        var count = samples.shape[0];
        var error = (samples - batch.Truth!.to_type(ScalarType.Float64)).abs().mean([0]);
        // Σ over pairs |x_i - x_j| from the sorted samples: the i-th smallest counts 2i - K - 1 times.
        var sorted = samples.sort(0).Values;
        var weights = (2 * arange(1, count + 1, dtype: ScalarType.Float64, device: samples.device) - (count + 1)).view(-1, 1, 1, 1, 1);
        var spread = (sorted * weights).sum([0]) * (2.0 / (count * (count - 1.0))); // E|x - x'|
        return ScoredImages.Scores(TensorMemory.Numbers<double>((error - spread / 2).mean([1, 2, 3]).cpu()));
    }

    /// <summary>The squared spread that the samples expect of the error of their mean, over the squared error; the metric is the root of the sums' ratio.</summary>
    public static IEnumerable<ImageScore> SpreadOverError(ScoredImages batch, MetricTools tools) =>
        Calibration(batch, c => c.Numbers == 0 ? ImageScore.None : new(c.Numbers * c.Spread * c.Spread, c.Numbers * c.Error * c.Error));

    /// <summary>How many of the numbers lie in their interval, over how many count.</summary>
    public static IEnumerable<ImageScore> Coverage(ScoredImages batch, MetricTools tools) =>
        Calibration(batch, c => c.Numbers == 0 ? ImageScore.None : new(c.Numbers * c.Coverage, c.Numbers));

    private static IEnumerable<ImageScore> Calibration(ScoredImages batch, Func<PosteriorCalibration, ImageScore> score)
    {
        using var scope = NewDisposeScope();
        return
        [
            .. Enumerable.Range(0, batch.Count).Select(i => score(PosteriorCalibration.Of(batch.Samples.select(1, i), batch.Truth![i]))),
        ];
    }
}

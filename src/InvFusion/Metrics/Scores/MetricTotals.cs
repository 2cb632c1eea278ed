using InvFusion.Distributed;
using InvFusion.Evaluation;
using InvFusion.Metrics.Features;
using InvFusion.Metrics.Statistics;

namespace InvFusion.Metrics.Scores;

/// <summary>
/// Gathers batches and gives the metrics. Vectors are summed as they come; of an image only its scores are kept, a few numbers that the bootstrap draws from.
/// </summary>
internal sealed class MetricTotals : IDisposable
{
    private static readonly string FewerThanTheJackknifeNeeds =
        $"none: needs two images in each of {Jackknife.Groups} groups, as {2 * Jackknife.Groups} in a row have";

    private readonly MetricPlan _plan;
    private readonly double[] _scores; // by image and metric: numerator, denominator
    private readonly double[] _scored; // 1 for an image with scores
    private readonly Dictionary<FeatureKey, FeatureTotals> _features;

    /// <summary>Starts with nothing.</summary>
    /// <param name="plan">The metrics.</param>
    /// <param name="images">How many images the set has.</param>
    public MetricTotals(MetricPlan plan, int images)
    {
        _plan = plan;
        _scores = new double[images * 2 * plan.ImageMetrics.Count];
        _scored = new double[images];
        _features = plan.FeatureKeys.ToDictionary(k => k, k => new FeatureTotals(Detectors.Find(k.Detector).Width, images));
    }

    public void Add(BatchScores batch)
    {
        var width = 2 * _plan.ImageMetrics.Count;
        foreach (var (row, image) in batch.Images.Index())
        {
            batch.Scores.AsSpan(row * width, width).CopyTo(_scores.AsSpan(image * width));
            _scored[image] = 1;
        }
        foreach (var (key, totals) in _features)
            totals.Add(batch.Images, batch.Features[key]);
    }

    /// <summary>Replaces everything by that of all ranks.</summary>
    public void Reduce(ICollective ranks)
    {
        ranks.Reduce(_scores, Reduction.Sum);
        ranks.Reduce(_scored, Reduction.Sum);
        foreach (var totals in _features.Values)
            totals.Reduce(ranks);
    }

    /// <summary>Images with scores.</summary>
    public int Images => _scored.Count(s => s > 0);

    /// <summary>The results in the plan's order, those of refused metrics among them.</summary>
    public IReadOnlyList<MetricResult> Results()
    {
        var results = _plan.Refused.Concat(_plan.ImageMetrics.Select((m, i) => OfImages(m, i))).Concat(OfSets());
        return [.. results.OrderBy(r => _plan.Order.Index().First(o => o.Item == r.Name).Index)];
    }

    public void Dispose()
    {
        foreach (var totals in _features.Values)
            totals.Dispose();
    }

    /// <summary>The scores of every image, by the name of the image metric.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<ImageScore>> Scores() =>
        _plan.ImageMetrics.Index().ToDictionary(m => m.Item.Name, m => (IReadOnlyList<ImageScore>)[.. ScoresOf(m.Index)]);

    private IEnumerable<ImageScore> ScoresOf(int metric)
    {
        var width = 2 * _plan.ImageMetrics.Count;
        return Enumerable
            .Range(0, _scored.Length)
            .Select(i => new ImageScore(_scores[i * width + 2 * metric], _scores[i * width + 2 * metric + 1]));
    }

    private MetricResult OfImages(ImageMetric metric, int index)
    {
        var scores = ScoresOf(index).Where(s => s.Denominator > 0).ToArray();
        if (scores.Length == 0)
            return MetricResult.Failed(metric.Name, "no image has a value: each failed, or nothing was lost of it");
        double[] numerators = [.. scores.Select(s => s.Numerator)],
            denominators = [.. scores.Select(s => s.Denominator)];
        var value = Estimate.OfRatio(numerators, denominators, metric.Finish);
        var interval = scores.Length > 1 ? "bootstrap" : "none: of one image";
        return new(metric.Name, value, interval, scores.Length);
    }

    // The reference of a detector is prepared once for all metrics that use it.
    private IEnumerable<MetricResult> OfSets()
    {
        foreach (var detector in _plan.SetMetrics.GroupBy(m => m.Detector))
        {
            var name = Detectors.Find(detector.Key).Extractor;
            var entry = _plan.Reference!.Entries[name];
            using var frechet = detector.Any(m => !m.Kernel) ? new FrechetDistance(entry.Statistics) : null;
            foreach (var metric in detector)
            {
                var totals = _features[FeatureKey.Of(metric)];
                if (totals.Count < 2)
                {
                    yield return MetricResult.Failed(metric.Name, $"needs two images or more, {totals.Count} have vectors");
                    continue;
                }
                var value = metric.Kernel ? totals.Kernel(entry) : totals.Frechet(frechet!);
                var interval = double.IsFinite(value.Low) ? "jackknife" : FewerThanTheJackknifeNeeds;
                yield return new(metric.Name, value, interval, (int)totals.Count, name);
            }
        }
    }
}

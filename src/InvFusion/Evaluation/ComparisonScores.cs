using InvFusion.Diffusion;
using InvFusion.Distributed;
using InvFusion.Metrics.Scores;
using InvFusion.Restoration;
using static TorchSharp.torch;

namespace InvFusion.Evaluation;

/// <summary>The scores of one row of a comparison, image by image.</summary>
/// <param name="images">How many images the row is of.</param>
/// <param name="metrics">More metrics, or null.</param>
internal sealed class ComparisonScores(int images, MetricPlan? metrics) : IDisposable
{
    private readonly MetricTotals? _totals = metrics is null ? null : new(metrics, images);

    // Scores by image; what no batch has brought stays 0, so that the sum over ranks is the whole.
    private const int Columns = 6;
    private const int Scored = 0; // 1 where there are scores
    private const int Failed = 1; // 1 where the restoration is not finite
    private const int Psnr = 2;
    private const int Gain = 3;
    private const int Ssim = 4;
    private const int Residual = 5;
    private readonly double[] _scores = new double[images * Columns];
    private double _seconds;
    private double _forward;
    private double _inverse;
    private double _restored;
    private readonly Dictionary<int, string> _failures = []; // by image

    /// <summary>Adds the restored images <c>[B, C, H, W]</c> of a batch; those that are not finite have failed and have no other score.</summary>
    /// <param name="batch">What they were restored from.</param>
    /// <param name="restored">The images.</param>
    /// <param name="baseline">PSNR of H⁺y for each of them; infinite where nothing was lost: there is nothing to restore then, and the image does not count.</param>
    /// <param name="seconds">The time that all of them took.</param>
    /// <param name="counts">What was called for them; null for H⁺y itself.</param>
    /// <param name="failures">For each image why it failed, where the sampler saw it.</param>
    public void Add(
        DegradedImages.Batch batch,
        Tensor restored,
        ReadOnlySpan<double> baseline,
        double seconds,
        CountingOperator? counts,
        IReadOnlyList<SampleFailure?>? failures = null
    )
    {
        using var scope = NewDisposeScope();
        var consistency = Consistency.RootMeanSquare(batch.Operator, restored, batch.Measurements);
        for (var i = 0; i < batch.Size; i++)
        {
            if (!double.IsFinite(baseline[i]))
                continue;
            var scores = _scores.AsSpan((batch.First + i) * Columns, Columns);
            if (!restored[i].isfinite().all().item<bool>())
            {
                scores[Failed] = 1;
                var image = batch.First + i;
                _failures[image] = failures?[i]?.Message ?? $"image {image} (seed {batch.Seeds[i]}) is not finite";
                continue;
            }
            scores[Scored] = 1;
            scores[Psnr] = ImageQuality.Psnr(restored[i], batch.Truth[i]);
            scores[Gain] = scores[Psnr] - baseline[i];
            scores[Ssim] = ImageQuality.Ssim(restored[i], batch.Truth[i]);
            scores[Residual] = consistency[i];
        }
        AddMetrics(batch, restored);
        _seconds += seconds;
        _restored += batch.Size;
        _forward += counts?.ForwardCalls ?? 0;
        _inverse += counts?.InverseCalls ?? batch.Size;
    }

    // Of the images that have the other scores too.
    private void AddMetrics(DegradedImages.Batch batch, Tensor restored)
    {
        if (_totals is null)
            return;
        long[] good = [.. Enumerable.Range(0, batch.Size).Where(i => _scores[(batch.First + i) * Columns + Scored] > 0)];
        if (good.Length > 0)
            _totals.Add(BatchScorer.Score(metrics!, batch, restored.unsqueeze(0), good));
    }

    /// <summary>The row of the batches of all ranks, but for what names it.</summary>
    public ComparisonRow Row(ComparisonRow named, ICollective ranks)
    {
        double[] all = [.. _scores],
            totals = [_seconds, _forward, _inverse, _restored],
            peak = [PeakMemory.Megabytes];
        ranks.Reduce(all, Reduction.Sum);
        ranks.Reduce(totals, Reduction.Sum);
        ranks.Reduce(peak, Reduction.Max);
        _totals?.Reduce(ranks);
        var rows = Enumerable.Range(0, images).Select(i => all[(i * Columns)..((i + 1) * Columns)]).ToArray();
        double[] Values(int column) => [.. rows.Where(r => r[Scored] > 0).Select(r => r[column])];
        return named with
        {
            Images = rows.Count(r => r[Scored] > 0),
            Failures =
            [
                .. rows.Index()
                    .Where(r => r.Item[Failed] > 0)
                    .Select(r => _failures.GetValueOrDefault(r.Index) ?? $"image {r.Index} failed on another rank"),
            ],
            Psnr = Estimate.Of(Values(Psnr)),
            Gain = Estimate.Of(Values(Gain)),
            Ssim = Estimate.Of(Values(Ssim)),
            Consistency = Values(Residual).DefaultIfEmpty(double.NaN).Average(),
            Metrics = _totals?.Results() ?? [],
            ForwardCalls = totals[1] / totals[3],
            InverseCalls = totals[2] / totals[3],
            SecondsPerImage = totals[0] / totals[3],
            PeakMegabytes = peak[0],
        };
    }

    /// <inheritdoc/>
    public void Dispose() => _totals?.Dispose();
}

using System.Text.Json.Nodes;
using InvFusion.Diffusion;
using InvFusion.Distributed;
using InvFusion.Evaluation;
using InvFusion.Metrics.Scores;

namespace InvFusion.Metrics.Runs;

/// <summary>
/// Generates images batch by batch and scores them. Finished batches stay in the run's folder; a run that was killed or cancelled goes on behind them, with any number of
/// ranks. Nothing grows with the number of images but a few numbers for each.
/// </summary>
public static class EvaluationRun
{
    /// <summary>Runs to the end.</summary>
    /// <param name="images">The images.</param>
    /// <param name="plan">The metrics.</param>
    /// <param name="folder">The run's folder; all ranks see it.</param>
    /// <param name="settings">All that decides the result; a folder whose settings differ is refused. Those of rank 0 count.</param>
    /// <param name="ranks">The processes that share the work batch by batch; each gets the whole outcome.</param>
    /// <param name="notice">Told in one line, by rank 0, that an earlier run is gone on with.</param>
    /// <param name="progress">Told (done, all) evaluations, counted in images.</param>
    /// <param name="cancellation">Ends the work; finished batches are kept.</param>
    /// <exception cref="ConfigurationException">The folder holds another evaluation.</exception>
    public static EvaluationOutcome Run(
        EvaluatedImages images,
        MetricPlan plan,
        string folder,
        JsonObject settings,
        ICollective ranks,
        Action<string>? notice = null,
        IProgress<(double Done, double Total)>? progress = null,
        CancellationToken cancellation = default
    )
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(ranks);
        PeakMemory.Mark();
        var store = BatchStore.Open(folder, plan, settings, ranks);
        var batches = (images.Count + images.BatchSize - 1) / images.BatchSize;
        int[] mine = [.. Enumerable.Range(0, batches).Where(b => b % ranks.Size == ranks.Rank)];
        var before = mine.Count(b => store.Has(b * images.BatchSize));
        Span<double> resumed = [before];
        ranks.Reduce(resumed, Reduction.Sum);
        if (resumed[0] > 0 && ranks.IsFirst())
            notice?.Invoke($"{folder}: {resumed[0]} of {batches} batches were done; going on with the others");
        using var totals = new MetricTotals(plan, images.Count);
        var evaluations = images.Contestant.Evaluations * images.Samples;
        var total = (double)images.Count * evaluations;
        foreach (var (done, batch) in mine.Index())
        {
            cancellation.ThrowIfCancellationRequested();
            var first = batch * images.BatchSize;
            var size = Math.Min(images.BatchSize, images.Count - first);
            BatchScores scores;
            if (store.Has(first))
                scores = store.Load(first);
            else
            {
                var told = progress is null ? null : new Progress(progress, done, mine.Length, evaluations, total);
                scores = images.Score(plan, first, size, told, cancellation);
                store.Save(first, scores);
            }
            totals.Add(scores);
            progress?.Report(((done + 1.0) / mine.Length * total, total));
        }
        totals.Reduce(ranks); // behind this the batches of all ranks are on the disk
        string[] failures =
            totals.Images == images.Count
                ? []
                : [.. Enumerable.Range(0, batches).SelectMany(b => store.Load(b * images.BatchSize).Failures)];
        Span<double> peak = [PeakMemory.Megabytes];
        ranks.Reduce(peak, Reduction.Max);
        return new(totals.Results(), totals.Images, failures, batches, (int)resumed[0], peak[0]) { Scores = totals.Scores() };
    }

    // Evaluations of one sample after the other of a batch; the shares of all batches count alike.
    private sealed class Progress(IProgress<(double Done, double Total)> target, int done, int batches, int evaluations, double total)
        : IProgress<SamplingProgress>
    {
        private int _seen;

        public void Report(SamplingProgress value)
        {
            _seen++;
            target.Report(((done + (double)_seen / evaluations) / batches * total, total));
        }
    }
}

using InvFusion.Data;
using InvFusion.Distributed;
using InvFusion.Metrics.Features;
using InvFusion.Metrics.Scores;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Metrics.References;

/// <summary>Computes reference statistics of a set.</summary>
public static class ReferenceBuilder
{
    /// <summary>Runs feature networks over a set.</summary>
    /// <param name="images">The set.</param>
    /// <param name="count">How many of its images, from the first on.</param>
    /// <param name="extractors">The networks.</param>
    /// <param name="batchSize">Images that go through a network together.</param>
    /// <param name="info">What shall be kept about where the statistics come from (JSON).</param>
    /// <param name="ranks">The processes that share the work batch by batch; each gets the whole statistics.</param>
    /// <param name="progress">Told (done, all) images.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <returns>The statistics; the caller owns them.</returns>
    public static ReferenceStatistics Build(
        IImageSet images,
        int count,
        IReadOnlyList<IFeatureExtractor> extractors,
        int batchSize,
        string info,
        ICollective ranks,
        IProgress<(double Done, double Total)>? progress = null,
        CancellationToken cancellation = default
    )
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(extractors);
        ArgumentNullException.ThrowIfNull(ranks);
        var totals = extractors.ToDictionary(e => e.Name, e => new FeatureTotals(e.Width, count));
        try
        {
            for (var first = ranks.Rank * batchSize; first < count; first += ranks.Size * batchSize)
            {
                cancellation.ThrowIfCancellationRequested();
                using var scope = NewDisposeScope();
                int[] numbers = [.. Enumerable.Range(first, Math.Min(batchSize, count - first))];
                var pixels = Pixels(images, numbers);
                foreach (var extractor in extractors)
                    totals[extractor.Name].Add(numbers, TensorMemory.Numbers<float>(extractor.Extract(pixels).cpu()));
                progress?.Report((Math.Min(first + ranks.Size * batchSize, count), count));
            }
            var entries = new Dictionary<string, ReferenceEntry>();
            foreach (var (name, total) in totals)
            {
                using var scope = NewDisposeScope();
                total.Reduce(ranks);
                entries[name] = new(total.Count, total.Statistics(), total.Sample.Vectors().Vectors.DetachFromDisposeScope());
            }
            return new("reference", entries, info);
        }
        finally
        {
            foreach (var total in totals.Values)
                total.Dispose();
        }
    }

    // [B, 3, H, W] uint8; grey as grey colour.
    private static Tensor Pixels(IImageSet images, int[] numbers)
    {
        var length = images.Channels * images.Size * images.Size;
        var planes = new byte[numbers.Length * length];
        foreach (var (i, number) in numbers.Index())
            images.Read(number, planes.AsSpan(i * length, length));
        return tensor(planes).view(numbers.Length, images.Channels, images.Size, images.Size).expand(-1, 3, -1, -1);
    }
}

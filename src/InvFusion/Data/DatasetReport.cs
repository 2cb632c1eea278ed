namespace InvFusion.Data;

/// <summary>What a source holds, after every image was decoded once.</summary>
public sealed record DatasetReport
{
    /// <summary>Images, broken ones included.</summary>
    public required int Count { get; init; }

    /// <summary>How many images have which size, most frequent first.</summary>
    public required IReadOnlyList<SizeCount> Sizes { get; init; }

    /// <summary>Images that cannot be read, in the order of their names.</summary>
    public required IReadOnlyList<BrokenImage> Broken { get; init; }

    /// <summary>Files that are no images by their extension.</summary>
    public required IReadOnlyList<string> Skipped { get; init; }

    /// <summary>Images of each class; empty without labels.</summary>
    public required IReadOnlyList<int> ClassSizes { get; init; }

    /// <summary>Decodes every image of a source, on all cores.</summary>
    /// <param name="source">The images.</param>
    /// <param name="progress">Told after each image.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static DatasetReport Examine(
        IImageSource source,
        IProgress<DataProgress>? progress = null,
        CancellationToken cancellation = default
    )
    {
        ArgumentNullException.ThrowIfNull(source);
        var sizes = new (int Width, int Height)[source.Count];
        var errors = new string?[source.Count];
        var done = 0;
        var parallel = new ParallelOptions { CancellationToken = cancellation, MaxDegreeOfParallelism = Environment.ProcessorCount };
        Parallel.For(
            0,
            source.Count,
            parallel,
            i =>
            {
                try
                {
                    sizes[i] = source.Use(i, image => (image.Width, image.Height));
                }
                catch (DataFormatException e)
                {
                    errors[i] = e.Message;
                }
                progress?.Report(new DataProgress(Interlocked.Increment(ref done), source.Count));
            }
        );
        return new DatasetReport
        {
            Count = source.Count,
            Sizes = Histogram(sizes),
            Broken =
            [
                .. Enumerable
                    .Range(0, source.Count)
                    .Where(i => errors[i] is not null)
                    .Select(i => new BrokenImage(source.Names[i], errors[i]!)),
            ],
            Skipped = source.Skipped,
            ClassSizes = CountClasses(source),
        };
    }

    // Broken images have no size.
    private static SizeCount[] Histogram((int Width, int Height)[] sizes) =>
        [
            .. sizes
                .Where(s => s.Width > 0)
                .CountBy(s => s)
                .Select(p => new SizeCount(p.Key.Width, p.Key.Height, p.Value))
                .OrderByDescending(s => s.Count)
                .ThenBy(s => s.Width)
                .ThenBy(s => s.Height),
        ];

    private static int[] CountClasses(IImageSource source)
    {
        var counts = new int[source.ClassCount];
        if (counts.Length > 0)
            for (var i = 0; i < source.Count; i++)
                counts[source.Label(i)]++;
        return counts;
    }
}

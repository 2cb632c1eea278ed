namespace InvFusion.Data;

/// <summary>Reads images of a set on all cores, a chunk at a time, and gives them in order: the memory does not depend on how many there are.</summary>
internal static class ParallelReader
{
    private const int ChunkBytes = 16 << 20;

    /// <summary>What is stored of each image, valid until the next one is asked for, or why it cannot be read.</summary>
    /// <param name="set">The set.</param>
    /// <param name="indices">Which images, in which order.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static IEnumerable<(int Index, ReadOnlyMemory<byte> Stored, string? Error)> Read(
        IImageSet set,
        IReadOnlyList<int> indices,
        CancellationToken cancellation
    )
    {
        var length = set.StoredBytes();
        var chunk = Math.Min(Math.Max(ChunkBytes / length, Environment.ProcessorCount), indices.Count);
        var stored = new byte[chunk * (long)length];
        var errors = new string?[chunk];
        var parallel = new ParallelOptions { CancellationToken = cancellation, MaxDegreeOfParallelism = Environment.ProcessorCount };
        for (var start = 0; start < indices.Count; start += chunk)
        {
            var (first, count) = (start, Math.Min(chunk, indices.Count - start));
            Parallel.For(0, count, parallel, i => errors[i] = TryRead(set, indices[first + i], stored.AsSpan(i * length, length)));
            for (var i = 0; i < count; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                yield return (indices[first + i], stored.AsMemory(i * length, length), errors[i]);
            }
        }
    }

    private static string? TryRead(IImageSet set, int index, Span<byte> stored)
    {
        try
        {
            set.Read(index, stored);
            return null;
        }
        catch (DataFormatException e)
        {
            return e.Message;
        }
    }
}

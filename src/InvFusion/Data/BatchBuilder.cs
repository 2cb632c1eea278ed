using InvFusion.Runtime;

namespace InvFusion.Data;

/// <summary>Makes the batch that belongs to a counter: a pure function of set, options and counter.</summary>
internal sealed class BatchBuilder(IImageSet set, LoaderOptions options)
{
    // Keep these streams apart from others of the same seed.
    private const ulong FlipPurpose = 0x666C6970; // "flip"
    private const ulong DrawPurpose = 0x64726177; // "draw": of a latent, another at every pass over the set

    private readonly ShuffledOrder _order = new(set.Count, options.Seed);

    /// <summary>The batch of the images from <paramref name="counter"/> on.</summary>
    public ImageBatch Build(long counter, CancellationToken cancellation)
    {
        var count = options.BatchSize;
        var length = set.Channels * set.Size * set.Size;
        var (indices, labels, flipped) = (new int[count], new int[count], new bool[count]);
        var values = new float[checked(count * length)];
        for (var i = 0; i < count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var image = values.AsSpan(i * length, length);
            indices[i] = options.Shuffle ? _order.IndexAt(counter + i) : (int)((counter + i) % set.Count);
            labels[i] = set.Label(indices[i]);
            set.ReadValues(indices[i], new RandomStream(options.Seed, DrawPurpose, (ulong)(counter + i)), image);
            if (options.HorizontalFlip && IsFlipped(counter + i))
            {
                flipped[i] = true;
                Flip(image, set.Size);
            }
        }
        return new ImageBatch(counter, indices, labels, flipped, values, set.ClassCount);
    }

    private bool IsFlipped(long counter) => new RandomStream(options.Seed, FlipPurpose, (ulong)counter).NextUniform() < 0.5;

    private static void Flip(Span<float> planes, int width)
    {
        for (var row = 0; row < planes.Length; row += width)
            planes.Slice(row, width).Reverse();
    }
}

using InvFusion.Runtime;

namespace InvFusion.Data;

/// <summary>Makes the batch that belongs to a counter: a pure function of set, options and counter.</summary>
internal sealed class BatchBuilder(IImageSet set, LoaderOptions options)
{
    private const ulong FlipPurpose = 0x666C6970; // "flip": keeps this stream apart from others of the same seed

    // What a byte is as a number.
    private static readonly float[] Values = [.. Enumerable.Range(0, 256).Select(b => b / 127.5f - 1)];

    private readonly ShuffledOrder _order = new(set.Count, options.Seed);

    /// <summary>The batch of the images from <paramref name="counter"/> on.</summary>
    public ImageBatch Build(long counter, CancellationToken cancellation)
    {
        var count = options.BatchSize;
        var imageBytes = set.Channels * set.Size * set.Size;
        var (indices, labels, flipped) = (new int[count], new int[count], new bool[count]);
        var pixels = new byte[checked(count * imageBytes)];
        for (var i = 0; i < count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var image = pixels.AsSpan(i * imageBytes, imageBytes);
            indices[i] = options.Shuffle ? _order.IndexAt(counter + i) : (int)((counter + i) % set.Count);
            labels[i] = set.Label(indices[i]);
            set.Read(indices[i], image);
            if (options.HorizontalFlip && IsFlipped(counter + i))
            {
                flipped[i] = true;
                Flip(image, set.Size);
            }
        }
        return new ImageBatch(counter, indices, labels, flipped, pixels, ToValues(pixels), set.ClassCount);
    }

    private bool IsFlipped(long counter) => new RandomStream(options.Seed, FlipPurpose, (ulong)counter).NextUniform() < 0.5;

    private static void Flip(Span<byte> planes, int width)
    {
        for (var row = 0; row < planes.Length; row += width)
            planes.Slice(row, width).Reverse();
    }

    private static float[] ToValues(byte[] pixels)
    {
        var values = new float[pixels.Length];
        for (var i = 0; i < values.Length; i++)
            values[i] = Values[pixels[i]];
        return values;
    }
}

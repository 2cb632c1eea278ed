using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace InvFusion.Imaging;

/// <summary>The pass of <see cref="Resampler"/> along the rows: another number of columns.</summary>
internal static class ResampleColumns
{
    /// <summary>The image with another width.</summary>
    public static RgbImage Resize(RgbImage image, int width, ResampleFilter filter, bool vectorised)
    {
        var weights = new ResampleWeights(image.Width, width, filter);
        var result = RgbImage.Unset(width, image.Height, image.Channels);
        var (from, to) = (image.Width * image.Channels, width * image.Channels);
        if (!vectorised || image.Channels != 3)
        {
            for (var y = 0; y < image.Height; y++)
                SumPlain(image.Pixels.AsSpan(y * from, from), weights, result.Pixels.AsSpan(y * to, to), image.Channels);
            return result;
        }
        // A pixel is read and written with one byte behind it: that of the next row, which is still to be written; but behind the last row there is none.
        var last = image.Height - 1;
        for (var y = 0; y < last; y++)
            SumColours(image.Pixels.AsSpan(y * from, from + 1), weights, result.Pixels.AsSpan(y * to, to + 1));
        var (source, target) = (new byte[from + 1], new byte[to + 1]);
        image.Pixels.AsSpan(last * from).CopyTo(source);
        SumColours(source, weights, target);
        target.AsSpan(0, to).CopyTo(result.Pixels.AsSpan(last * to));
        return result;
    }

    private static void SumPlain(ReadOnlySpan<byte> row, ResampleWeights weights, Span<byte> target, int channels)
    {
        for (var i = 0; i < target.Length; i++)
        {
            var taps = weights.Taps(i / channels, out var first);
            var sum = Resampler.Half;
            for (int k = 0, at = first * channels + i % channels; k < taps.Length; k++, at += channels)
                sum += row[at] * taps[k];
            target[i] = (byte)Math.Clamp(sum >> ResampleWeights.Bits, 0, 255);
        }
    }

    // The three colours of a pixel are three lanes of a vector; the fourth is the next pixel's and is not kept.
    private static void SumColours(ReadOnlySpan<byte> row, ResampleWeights weights, Span<byte> target)
    {
        ref var source = ref MemoryMarshal.GetReference(row);
        ref var result = ref MemoryMarshal.GetReference(target);
        var width = (target.Length - 1) / 3;
        var reach = weights.Taps(width - 1, out var start).Length + start; // no position before reaches farther
        if (3 * reach >= row.Length)
            throw new ArgumentException("the taps reach over the row", nameof(row)); // what follows is not checked
        var bytesOfInts = Vector128.Create((byte)0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        for (var x = 0; x < width; x++)
        {
            var taps = weights.Taps(x, out var first);
            var sum = Vector128.Create(Resampler.Half);
            ref var pixel = ref Unsafe.Add(ref source, 3 * first);
            foreach (var tap in taps)
            {
                var bytes = Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<uint>(ref pixel)).AsByte();
                sum += Vector128.WidenLower(Vector128.WidenLower(bytes)).AsInt32() * Vector128.Create(tap);
                pixel = ref Unsafe.Add(ref pixel, 3);
            }
            sum = Vector128.Min(Vector128.Max(sum >> ResampleWeights.Bits, Vector128<int>.Zero), Vector128.Create(255));
            Unsafe.WriteUnaligned(ref Unsafe.Add(ref result, 3 * x), Vector128.Shuffle(sum.AsByte(), bytesOfInts).AsUInt32().ToScalar());
        }
    }
}

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
        var colour = vectorised && image.Channels == 3;
        // A pixel is read with one byte behind it; behind the last row there is none.
        var last = colour ? new byte[from + 1] : [];
        for (var y = 0; y < image.Height; y++)
        {
            var source = image.Pixels.AsSpan(y * from);
            var target = result.Pixels.AsSpan(y * to, to);
            if (!colour)
            {
                SumPlain(source, weights, target, image.Channels);
                continue;
            }
            if (y == image.Height - 1)
            {
                source.CopyTo(last);
                source = last;
            }
            SumColours(source, weights, target);
        }
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
        for (var x = 0; x < target.Length / 3; x++)
        {
            var taps = weights.Taps(x, out var first);
            if ((first + taps.Length) * 3 >= row.Length)
                throw new ArgumentException("the taps reach over the row", nameof(row)); // the reads below are not checked
            var sum = Vector128.Create(Resampler.Half);
            ref var pixel = ref Unsafe.Add(ref source, first * 3);
            for (var k = 0; k < taps.Length; k++)
            {
                var bytes = Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref pixel, 3 * k))).AsByte();
                sum += Vector128.WidenLower(Vector128.WidenLower(bytes)).AsInt32() * Vector128.Create(taps[k]);
            }
            sum = Vector128.Min(Vector128.Max(sum >> ResampleWeights.Bits, Vector128<int>.Zero), Vector128.Create(255));
            var at = 3 * x;
            (target[at], target[at + 1], target[at + 2]) = ((byte)sum[0], (byte)sum[1], (byte)sum[2]);
        }
    }
}

using System.Numerics;

namespace InvFusion.Imaging;

/// <summary>Resizes as Pillow does, to the byte: two passes in fixed point, columns first, each rounded to 8 bits.</summary>
/// <remarks>Other libraries round or filter otherwise, and that moves Fréchet distances.</remarks>
public static class Resampler
{
    internal const int Half = 1 << (ResampleWeights.Bits - 1);

    /// <summary>The image in another size.</summary>
    /// <param name="image">The source, <c>[h, w, C]</c>.</param>
    /// <param name="width">The new width, at least 1.</param>
    /// <param name="height">The new height, at least 1.</param>
    /// <param name="filter">The kernel.</param>
    public static RgbImage Resize(RgbImage image, int width, int height, ResampleFilter filter) =>
        Resize(image, width, height, filter, Vector.IsHardwareAccelerated);

    /// <summary>As the public form, with the vector code switched on or off.</summary>
    internal static RgbImage Resize(RgbImage image, int width, int height, ResampleFilter filter, bool vectorised)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        // A pass that keeps the size is the identity.
        if (width != image.Width)
            image = ResampleColumns.Resize(image, width, filter, vectorised);
        return height != image.Height ? ResizeRows(image, height, filter, vectorised) : image;
    }

    private static RgbImage ResizeRows(RgbImage image, int height, ResampleFilter filter, bool vectorised)
    {
        var weights = new ResampleWeights(image.Height, height, filter);
        var result = RgbImage.Unset(image.Width, height, image.Channels);
        var stride = image.Width * image.Channels;
        for (var y = 0; y < height; y++)
        {
            var taps = weights.Taps(y, out var first);
            var rows = image.Pixels.AsSpan(first * stride, taps.Length * stride);
            var target = result.Pixels.AsSpan(y * stride, stride);
            var done = vectorised ? SumVectors(rows, taps, target) : 0;
            SumPlain(rows, taps, target, done);
        }
        return result;
    }

    // target[i] = Σ_k rows[k, i] · taps[k], from start on.
    private static void SumPlain(ReadOnlySpan<byte> rows, ReadOnlySpan<int> taps, Span<byte> target, int start)
    {
        for (var i = start; i < target.Length; i++)
        {
            var sum = Half;
            for (int k = 0, at = i; k < taps.Length; k++, at += target.Length)
                sum += rows[at] * taps[k];
            target[i] = (byte)Math.Clamp(sum >> ResampleWeights.Bits, 0, 255);
        }
    }

    // The same for as many whole vectors as fit; returns how many values that are.
    private static int SumVectors(ReadOnlySpan<byte> rows, ReadOnlySpan<int> taps, Span<byte> target)
    {
        var i = 0;
        for (; i <= target.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            var s0 = new Vector<int>(Half);
            var (s1, s2, s3) = (s0, s0, s0);
            for (int k = 0, at = i; k < taps.Length; k++, at += target.Length)
            {
                Vector.Widen(new Vector<byte>(rows[at..]), out var low, out var high);
                Vector.Widen(low, out var a, out var b);
                Vector.Widen(high, out var c, out var d);
                var weight = new Vector<int>(taps[k]);
                s0 += Vector.AsVectorInt32(a) * weight;
                s1 += Vector.AsVectorInt32(b) * weight;
                s2 += Vector.AsVectorInt32(c) * weight;
                s3 += Vector.AsVectorInt32(d) * weight;
            }
            Vector
                .Narrow(Vector.Narrow(ToByteRange(s0), ToByteRange(s1)), Vector.Narrow(ToByteRange(s2), ToByteRange(s3)))
                .CopyTo(target[i..]);
        }
        return i;
    }

    private static Vector<uint> ToByteRange(Vector<int> sum) =>
        Vector.AsVectorUInt32(Vector.Min(Vector.Max(sum >> ResampleWeights.Bits, Vector<int>.Zero), new Vector<int>(255)));
}

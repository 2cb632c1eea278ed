using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace InvFusion.Imaging.Jpeg;

/// <summary>From rows of Y, Cb and Cr to rows of RGB, with the rounding of libjpeg.</summary>
internal static class JpegColours
{
    /// <summary>What buffers of rows need beyond their content: vectors reach over the end.</summary>
    public const int Slack = 64;

    // The factors of JFIF, times 2^16.
    private const int RedFromCr = 91881;
    private const int GreenFromCb = -22554;
    private const int GreenFromCr = -46802;
    private const int BlueFromCb = 116130;

    /// <summary>Doubles a row: each new sample is 3/4 of the near and 1/4 of the far neighbour.</summary>
    /// <param name="sums">Samples from index 1 on (times 4 where two rows were mixed), the first and the last repeated beside them, and <see cref="Slack"/>.</param>
    /// <param name="count">Number of samples.</param>
    /// <param name="mixed">Whether two rows were mixed.</param>
    /// <param name="target">Receives 2·<paramref name="count"/> bytes, and needs <see cref="Slack"/>.</param>
    public static void Double(ReadOnlySpan<ushort> sums, int count, bool mixed, Span<byte> target)
    {
        var shift = mixed ? 4 : 2;
        var (left, right) = (Vector256.Create((ushort)(mixed ? 8 : 1)), Vector256.Create((ushort)(mixed ? 7 : 2)));
        for (var i = 0; i < count; i += Vector256<ushort>.Count)
        {
            var near = Vector256.Create(sums[(i + 1)..]);
            near += near + near;
            var first = (near + Vector256.Create(sums[i..]) + left) >> shift;
            var second = (near + Vector256.Create(sums[(i + 2)..]) + right) >> shift;
            MemoryMarshal.Write(target[(2 * i)..], first | second << 8); // side by side in memory
        }
    }

    /// <summary>The sums that <see cref="Double"/> takes: three times the near row and the far row, or the one row as it is.</summary>
    public static void Mix(ReadOnlySpan<byte> near, ReadOnlySpan<byte> far, Span<ushort> sums)
    {
        var mixed = !far.IsEmpty;
        var i = 0;
        for (; i <= near.Length - Vector128<byte>.Count; i += Vector128<byte>.Count)
        {
            var sum = Wide(near[i..]);
            if (mixed)
                sum = sum + sum + sum + Wide(far[i..]);
            sum.CopyTo(sums[(i + 1)..]);
        }
        for (; i < near.Length; i++)
            sums[i + 1] = (ushort)(mixed ? 3 * near[i] + far[i] : near[i]);
        (sums[0], sums[near.Length + 1]) = (sums[1], sums[near.Length]);
    }

    /// <summary>A row of RGB; all rows need <see cref="Slack"/> behind their content.</summary>
    public static void ToRgb(ReadOnlySpan<byte> luma, ReadOnlySpan<byte> cb, ReadOnlySpan<byte> cr, int width, Span<byte> target)
    {
        var (half, centre) = (Vector256.Create(1 << 15), Vector256.Create(128));
        var colours = Vector128.Create((byte)0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15);
        for (var x = 0; x < width; x += 8)
        {
            var y = Eight(luma[x..]);
            var (b, r) = (Eight(cb[x..]) - centre, Eight(cr[x..]) - centre);
            var red = Clamp(y + ((r * RedFromCr + half) >> 16));
            var green = Clamp(y + ((b * GreenFromCb + r * GreenFromCr + half) >> 16));
            var blue = Clamp(y + ((b * BlueFromCb + half) >> 16));
            var pixels = (red | green << 8 | blue << 16).AsByte();
            var at = target[(3 * x)..];
            Vector128.Shuffle(pixels.GetLower(), colours).CopyTo(at);
            Vector128.Shuffle(pixels.GetUpper(), colours).CopyTo(at[12..]);
        }
    }

    private static Vector256<ushort> Wide(ReadOnlySpan<byte> bytes)
    {
        var (low, high) = Vector128.Widen(Vector128.Create(bytes));
        return Vector256.Create(low, high);
    }

    private static Vector256<int> Eight(ReadOnlySpan<byte> bytes)
    {
        var eight = Vector128.WidenLower(Vector128.CreateScalarUnsafe(MemoryMarshal.Read<ulong>(bytes)).AsByte());
        var (low, high) = Vector128.Widen(eight);
        return Vector256.Create(low, high).AsInt32();
    }

    private static Vector256<int> Clamp(Vector256<int> values) =>
        Vector256.Min(Vector256.Max(values, Vector256<int>.Zero), Vector256.Create(255));
}

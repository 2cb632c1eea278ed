using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace InvFusion.Imaging.Jpeg;

/// <summary>The inverse cosine transform of a block: Loeffler, Ligtenberg and Moschytz (ICASSP 1989) in fixed point of 13 bits, as libjpeg's accurate integer form rounds it.</summary>
internal static class JpegInverseTransform
{
    private const int Bits = 13;
    private const int BetweenBits = 2; // kept between the passes

    /// <summary>Turns coefficients into samples.</summary>
    /// <param name="block">8 rows of 8 coefficients, already multiplied by their steps.</param>
    /// <param name="target">Receives 8 rows of 8 samples.</param>
    /// <param name="stride">Bytes from row to row.</param>
    public static void Apply(ReadOnlySpan<int> block, Span<byte> target, int stride)
    {
        Span<Vector256<int>> rows = stackalloc Vector256<int>[8];
        MemoryMarshal.Cast<int, Vector256<int>>(block).CopyTo(rows);
        Pass(rows, Bits - BetweenBits); // along the columns: a lane is a column
        Transpose(rows);
        Pass(rows, Bits + BetweenBits + 3);
        Transpose(rows);
        var (low, high, centre) = (Vector256<int>.Zero, Vector256.Create(255), Vector256.Create(128));
        for (var y = 0; y < 8; y++)
        {
            var clamped = Vector256.Min(Vector256.Max(rows[y] + centre, low), high);
            var narrow = Vector128.Narrow(clamped.GetLower(), clamped.GetUpper());
            MemoryMarshal.Write(target[(y * stride)..], Vector128.Narrow(narrow, narrow).AsUInt64().ToScalar());
        }
    }

    /// <summary>The samples of a block that has only its first coefficient.</summary>
    public static void ApplyFlat(int first, Span<byte> target, int stride)
    {
        var value = (byte)Math.Clamp((((first << BetweenBits) + 16) >> 5) + 128, 0, 255);
        for (var y = 0; y < 8; y++)
            target.Slice(y * stride, 8).Fill(value);
    }

    private static int Fix(double value) => (int)(value * (1 << Bits) + 0.5);

    private static readonly int F0298 = Fix(0.298631336),
        F0390 = Fix(0.390180644),
        F0541 = Fix(0.541196100),
        F0765 = Fix(0.765366865),
        F0899 = Fix(0.899976223),
        F1175 = Fix(1.175875602),
        F1501 = Fix(1.501321110),
        F1847 = Fix(1.847759065),
        F1961 = Fix(1.961570560),
        F2053 = Fix(2.053119869),
        F2562 = Fix(2.562915447),
        F3072 = Fix(3.072711026);

    // Eight transforms of eight numbers, one in each lane.
    private static void Pass(Span<Vector256<int>> r, int descale)
    {
        var z1 = (r[2] + r[6]) * F0541;
        var (e2, e3) = (z1 - r[6] * F1847, z1 + r[2] * F0765);
        var (e0, e1) = ((r[0] + r[4]) << Bits, (r[0] - r[4]) << Bits);
        var round = Vector256.Create(1 << (descale - 1));
        var (s0, s1, s2, s3) = (e0 + e3 + round, e1 + e2 + round, e1 - e2 + round, e0 - e3 + round);
        var z5 = (r[7] + r[3] + r[5] + r[1]) * F1175;
        var z3 = z5 - (r[7] + r[3]) * F1961;
        var z4 = z5 - (r[5] + r[1]) * F0390;
        z1 = (r[7] + r[1]) * F0899;
        var z2 = (r[5] + r[3]) * F2562;
        var o0 = r[7] * F0298 - z1 + z3;
        var o1 = r[5] * F2053 - z2 + z4;
        var o2 = r[3] * F3072 - z2 + z3;
        var o3 = r[1] * F1501 - z1 + z4;
        (r[0], r[7]) = ((s0 + o3) >> descale, (s0 - o3) >> descale);
        (r[1], r[6]) = ((s1 + o2) >> descale, (s1 - o2) >> descale);
        (r[2], r[5]) = ((s2 + o1) >> descale, (s2 - o1) >> descale);
        (r[3], r[4]) = ((s3 + o0) >> descale, (s3 - o0) >> descale);
    }

    private static void Transpose(Span<Vector256<int>> r)
    {
        if (!Avx2.IsSupported)
        {
            var values = MemoryMarshal.Cast<Vector256<int>, int>(r);
            for (var y = 1; y < 8; y++)
            for (var x = 0; x < y; x++)
                (values[8 * y + x], values[8 * x + y]) = (values[8 * x + y], values[8 * y + x]);
            return;
        }
        var (a0, a1) = (Avx2.UnpackLow(r[0], r[1]), Avx2.UnpackHigh(r[0], r[1]));
        var (a2, a3) = (Avx2.UnpackLow(r[2], r[3]), Avx2.UnpackHigh(r[2], r[3]));
        var (a4, a5) = (Avx2.UnpackLow(r[4], r[5]), Avx2.UnpackHigh(r[4], r[5]));
        var (a6, a7) = (Avx2.UnpackLow(r[6], r[7]), Avx2.UnpackHigh(r[6], r[7]));
        var (b0, b1) = Pair(a0, a2);
        var (b2, b3) = Pair(a1, a3);
        var (b4, b5) = Pair(a4, a6);
        var (b6, b7) = Pair(a5, a7);
        (r[0], r[4]) = (Avx2.Permute2x128(b0, b4, 0x20), Avx2.Permute2x128(b0, b4, 0x31));
        (r[1], r[5]) = (Avx2.Permute2x128(b1, b5, 0x20), Avx2.Permute2x128(b1, b5, 0x31));
        (r[2], r[6]) = (Avx2.Permute2x128(b2, b6, 0x20), Avx2.Permute2x128(b2, b6, 0x31));
        (r[3], r[7]) = (Avx2.Permute2x128(b3, b7, 0x20), Avx2.Permute2x128(b3, b7, 0x31));
    }

    private static (Vector256<int> Low, Vector256<int> High) Pair(Vector256<int> a, Vector256<int> b) =>
        (Avx2.UnpackLow(a.AsInt64(), b.AsInt64()).AsInt32(), Avx2.UnpackHigh(a.AsInt64(), b.AsInt64()).AsInt32());
}

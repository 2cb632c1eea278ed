using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace InvFusion.Ops.Kernels;

/// <summary>Transposition in registers.</summary>
internal static unsafe class AvxTranspose
{
    /// <summary>Rows and columns of a block.</summary>
    public const int Side = 8;

    /// <summary>Rows of an 8×8 block become columns; needs AVX.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EightByEight(float* from, long fromStride, float* to, long toStride)
    {
        var (a0, a1) = Pair(from, fromStride);
        var (a2, a3) = Pair(from + 2 * fromStride, fromStride);
        var (a4, a5) = Pair(from + 4 * fromStride, fromStride);
        var (a6, a7) = Pair(from + 6 * fromStride, fromStride);
        var (b0, b1) = Quad(a0, a2);
        var (b2, b3) = Quad(a1, a3);
        var (b4, b5) = Quad(a4, a6);
        var (b6, b7) = Quad(a5, a7);
        Avx.Permute2x128(b0, b4, 0x20).Store(to);
        Avx.Permute2x128(b1, b5, 0x20).Store(to + toStride);
        Avx.Permute2x128(b2, b6, 0x20).Store(to + 2 * toStride);
        Avx.Permute2x128(b3, b7, 0x20).Store(to + 3 * toStride);
        Avx.Permute2x128(b0, b4, 0x31).Store(to + 4 * toStride);
        Avx.Permute2x128(b1, b5, 0x31).Store(to + 5 * toStride);
        Avx.Permute2x128(b2, b6, 0x31).Store(to + 6 * toStride);
        Avx.Permute2x128(b3, b7, 0x31).Store(to + 7 * toStride);
    }

    // Two rows, their numbers in turn: (columns 0, 1 | 4, 5) and (2, 3 | 6, 7).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<float>, Vector256<float>) Pair(float* from, long stride)
    {
        Vector256<float> a = Vector256.Load(from),
            b = Vector256.Load(from + stride);
        return (Avx.UnpackLow(a, b), Avx.UnpackHigh(a, b));
    }

    // Four rows of one column each: (column 0 | 4) and (1 | 5) of what Pair gave.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<float>, Vector256<float>) Quad(Vector256<float> a, Vector256<float> b) =>
        (Avx.Shuffle(a, b, 0x44), Avx.Shuffle(a, b, 0xEE));
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>The Gram matrix A Aᵀ of float32 rows in double: only half of it is computed, rows of zeros at the end cost nothing, and no copy in double is made.</summary>
internal static unsafe class GramKernel
{
    private const int Side = 64; // rows of a block of the result
    private const int Depth = 256; // numbers of a row that are double at a time
    private const int Stride = Depth + 8; // rows that are a power of two apart would fall on the same lines of the cache
    private const int Tile = 4; // rows of a tile whose sums stay in registers

    [ThreadStatic]
    private static Scratch? _scratch;

    private static int Lane => Vector512<double>.Count;

    /// <summary>Inner products of all rows of each sample.</summary>
    /// <param name="rows"><c>[B, O, N]</c> float32.</param>
    /// <returns><c>[B, O, O]</c> float64.</returns>
    public static Tensor Apply(Tensor rows)
    {
        using var source = new TensorRows(rows);
        var (samples, count, length) = ((int)rows.shape[0], (int)rows.shape[1], (int)rows.shape[2]);
        var gram = zeros([samples, count, count], ScalarType.Float64);
        var blocks = (count + Side - 1) / Side;
        var work = new Work(source.Floats, (double*)TensorMemory.Address(gram), count, length, blocks);
        CpuTeam.For(samples * (blocks * (blocks + 1) / 2), 1, work);
        return gram;
    }

    private readonly struct Work(float* rows, double* gram, int count, int length, int blocks) : IRangeWork
    {
        public void Run(int start, int end)
        {
            var each = blocks * (blocks + 1) / 2;
            for (var item = start; item < end; item++)
            {
                var (sample, rest) = (item / each, item % each);
                var row = 0; // the blocks of the lower half, row by row
                while (rest > row)
                    rest -= ++row;
                Block(sample, row * Side, rest * Side);
            }
        }

        // Sums lie as vectors until the end: [64, 64, lanes].
        private void Block(int sample, int firstRow, int firstColumn)
        {
            var of = rows + (long)sample * count * length;
            var diagonal = firstRow == firstColumn;
            var (high, wide) = (Used(of, firstRow), Used(of, firstColumn));
            if (high == 0 || wide == 0)
                return;
            var sums = (double*)Scratch.Floats(ref _scratch, 2 * (Side * Side * Lane + 2 * Side * Stride));
            double* left = sums + Side * Side * Lane,
                right = left + Side * Stride;
            new Span<double>(sums, Side * Side * Lane).Clear();
            for (var at = 0; at < length; at += Depth)
            {
                var depth = Math.Min(Depth, length - at);
                Widen(of, firstRow, high, at, depth, left);
                if (!diagonal)
                    Widen(of, firstColumn, wide, at, depth, right);
                var vectors = (depth + Lane - 1) / Lane;
                for (var i = 0; i < high; i += Tile)
                for (var j = 0; j < (diagonal ? i + Tile : wide); j += Tile)
                    Add(left + i * Stride, (diagonal ? left : right) + j * Stride, vectors, sums + (i * Side + j) * Lane);
            }
            var to = gram + (long)sample * count * count;
            for (var i = 0; i < high; i++)
            for (var j = 0; j < (diagonal ? i + 1 : wide); j++)
            {
                var sum = Vector512.Sum(Vector512.Load(sums + (i * Side + j) * Lane));
                to[(long)(firstRow + i) * count + firstColumn + j] = sum;
                to[(long)(firstColumn + j) * count + firstRow + i] = sum;
            }
        }

        // Rows of a block up to the last that is not all zeros.
        private int Used(float* of, int first)
        {
            var used = Math.Min(Side, count - first);
            while (used > 0 && !new ReadOnlySpan<float>(of + (long)(first + used - 1) * length, length).ContainsAnyExcept(0f))
                used--;
            return used;
        }

        // Whole tiles and whole vectors: what is missing is 0.
        private void Widen(float* of, int first, int used, int at, int depth, double* to)
        {
            var padded = (depth + Lane - 1) / Lane * Lane;
            for (var i = 0; i < (used + Tile - 1) / Tile * Tile; i++, to += Stride)
            {
                if (i >= used)
                {
                    new Span<double>(to, padded).Clear();
                    continue;
                }
                var from = of + (long)(first + i) * length + at;
                var k = 0;
                for (; k + 2 * Lane <= depth; k += 2 * Lane)
                {
                    var numbers = Vector512.Load(from + k);
                    Vector512.WidenLower(numbers).Store(to + k);
                    Vector512.WidenUpper(numbers).Store(to + k + Lane);
                }
                for (; k < depth; k++)
                    to[k] = from[k];
                for (; k < padded; k++)
                    to[k] = 0;
            }
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Add(double* left, double* right, int vectors, double* sums)
        {
            Vector512<double> a00 = Vector512.Load(sums + (0 * Side + 0) * Lane),
                a01 = Vector512.Load(sums + (0 * Side + 1) * Lane),
                a02 = Vector512.Load(sums + (0 * Side + 2) * Lane),
                a03 = Vector512.Load(sums + (0 * Side + 3) * Lane);
            Vector512<double> a10 = Vector512.Load(sums + (1 * Side + 0) * Lane),
                a11 = Vector512.Load(sums + (1 * Side + 1) * Lane),
                a12 = Vector512.Load(sums + (1 * Side + 2) * Lane),
                a13 = Vector512.Load(sums + (1 * Side + 3) * Lane);
            Vector512<double> a20 = Vector512.Load(sums + (2 * Side + 0) * Lane),
                a21 = Vector512.Load(sums + (2 * Side + 1) * Lane),
                a22 = Vector512.Load(sums + (2 * Side + 2) * Lane),
                a23 = Vector512.Load(sums + (2 * Side + 3) * Lane);
            Vector512<double> a30 = Vector512.Load(sums + (3 * Side + 0) * Lane),
                a31 = Vector512.Load(sums + (3 * Side + 1) * Lane),
                a32 = Vector512.Load(sums + (3 * Side + 2) * Lane),
                a33 = Vector512.Load(sums + (3 * Side + 3) * Lane);
            for (var k = 0; k < vectors; k++, left += Lane, right += Lane)
            {
                Vector512<double> b0 = Vector512.Load(right),
                    b1 = Vector512.Load(right + Stride),
                    b2 = Vector512.Load(right + 2 * Stride),
                    b3 = Vector512.Load(right + 3 * Stride);
                var a0 = Vector512.Load(left + 0 * Stride);
                (a00, a01, a02, a03) = (
                    Vector512.FusedMultiplyAdd(a0, b0, a00),
                    Vector512.FusedMultiplyAdd(a0, b1, a01),
                    Vector512.FusedMultiplyAdd(a0, b2, a02),
                    Vector512.FusedMultiplyAdd(a0, b3, a03)
                );
                var a1 = Vector512.Load(left + 1 * Stride);
                (a10, a11, a12, a13) = (
                    Vector512.FusedMultiplyAdd(a1, b0, a10),
                    Vector512.FusedMultiplyAdd(a1, b1, a11),
                    Vector512.FusedMultiplyAdd(a1, b2, a12),
                    Vector512.FusedMultiplyAdd(a1, b3, a13)
                );
                var a2 = Vector512.Load(left + 2 * Stride);
                (a20, a21, a22, a23) = (
                    Vector512.FusedMultiplyAdd(a2, b0, a20),
                    Vector512.FusedMultiplyAdd(a2, b1, a21),
                    Vector512.FusedMultiplyAdd(a2, b2, a22),
                    Vector512.FusedMultiplyAdd(a2, b3, a23)
                );
                var a3 = Vector512.Load(left + 3 * Stride);
                (a30, a31, a32, a33) = (
                    Vector512.FusedMultiplyAdd(a3, b0, a30),
                    Vector512.FusedMultiplyAdd(a3, b1, a31),
                    Vector512.FusedMultiplyAdd(a3, b2, a32),
                    Vector512.FusedMultiplyAdd(a3, b3, a33)
                );
            }
            a00.Store(sums + (0 * Side + 0) * Lane);
            a01.Store(sums + (0 * Side + 1) * Lane);
            a02.Store(sums + (0 * Side + 2) * Lane);
            a03.Store(sums + (0 * Side + 3) * Lane);
            a10.Store(sums + (1 * Side + 0) * Lane);
            a11.Store(sums + (1 * Side + 1) * Lane);
            a12.Store(sums + (1 * Side + 2) * Lane);
            a13.Store(sums + (1 * Side + 3) * Lane);
            a20.Store(sums + (2 * Side + 0) * Lane);
            a21.Store(sums + (2 * Side + 1) * Lane);
            a22.Store(sums + (2 * Side + 2) * Lane);
            a23.Store(sums + (2 * Side + 3) * Lane);
            a30.Store(sums + (3 * Side + 0) * Lane);
            a31.Store(sums + (3 * Side + 1) * Lane);
            a32.Store(sums + (3 * Side + 2) * Lane);
            a33.Store(sums + (3 * Side + 3) * Lane);
        }
    }
}

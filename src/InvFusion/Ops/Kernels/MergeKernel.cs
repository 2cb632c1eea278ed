using System.Runtime.Intrinsics;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>Folds p×p tokens (or pixels) into one and maps them, in one pass; products in bfloat16, sums in float32.</summary>
internal static unsafe class MergeKernel
{
    [ThreadStatic]
    private static Scratch? _scratch;

    /// <summary>Linear(<see cref="TokenLayout.Merge"/>(x, p)).</summary>
    /// <param name="x"><c>[B, h·p, w·p, c]</c> float32.</param>
    /// <param name="packed">Weights of p·p·c inputs, packed.</param>
    /// <param name="patch">p.</param>
    /// <returns><c>[B, h, w, d]</c> float32.</returns>
    public static Tensor Apply(Tensor x, Tensor packed, int patch)
    {
        using var source = new TensorRows(x);
        var shape = x.shape;
        var weights = new PackedWeights(packed);
        var result = empty([shape[0], shape[1] / patch, shape[2] / patch, weights.Outputs], ScalarType.Float32);
        var rows = (int)(result.NumberOfElements / weights.Outputs);
        var lot = PackedProduct.Lot(rows);
        var work = new Work(source.Floats, weights, TensorMemory.Floats(result), rows, lot, (int)shape[2] / patch, (int)shape[3] * patch);
        CpuTeam.For((rows + lot - 1) / lot, 1, work);
        return result;
    }

    // Rows of tokens follow each other without a gap, samples too; the numbers of a token are as many pieces of c·p in a row as it has lines.
    private readonly struct Work(float* x, PackedWeights weights, float* result, int rows, int lot, int columns, int piece) : IRangeWork
    {
        public void Run(int start, int end)
        {
            var width = weights.Inputs;
            var sums = Scratch.Floats(ref _scratch, PackedProduct.TileSums + (long)lot * width / 2);
            var folded = (Bfloat16Lane*)(sums + PackedProduct.TileSums);
            for (var first = start * lot; first < Math.Min(rows, end * lot); first += lot)
            {
                var count = Math.Min(lot, rows - first);
                for (var row = 0; row < count; row++)
                    Fold(first + row, folded + (long)row * width);
                PackedProduct.Run(
                    folded,
                    count,
                    weights,
                    sums,
                    new PackedProduct.Kept(result + (long)first * weights.Outputs, weights.Outputs)
                );
            }
        }

        private void Fold(int token, Bfloat16Lane* to)
        {
            var lines = weights.Inputs / piece;
            for (var line = 0; line < lines; line++, to += piece)
            {
                var from = x + ((long)(token / columns * lines + line) * columns + token % columns) * piece;
                var i = 0;
                for (; i + Lanes.Width <= piece; i += Lanes.Width)
                    Bfloat16Lane.Store(to + i, Vector512.Load(from + i));
                if (i < piece)
                    Lanes.StoreFew(to + i, piece - i, Lanes.LoadFew((Float32Lane*)(from + i), piece - i));
            }
        }
    }
}

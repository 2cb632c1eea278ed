using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>Linear(RMSNorm(x)) in one pass over the tokens, in bfloat16.</summary>
internal static unsafe class ProjectionKernel
{
    [ThreadStatic]
    private static Scratch? _scratch;

    /// <summary>(x · scale · rsqrt(mean(x²) + ε)) Wᵀ.</summary>
    /// <param name="x"><c>[…, d]</c>.</param>
    /// <param name="scale"><c>[B, d]</c> or <c>[1, d]</c> float32; each row serves as many tokens.</param>
    /// <param name="packed">W, packed.</param>
    /// <returns><c>[…, outputs]</c> bfloat16.</returns>
    public static Tensor Apply(Tensor x, Tensor scale, Tensor packed)
    {
        using var source = new TensorRows(x);
        using var scales = new TensorRows(scale);
        var weights = new PackedWeights(packed);
        var result = empty([.. x.shape[..^1], weights.Outputs], ScalarType.BFloat16);
        var rows = (int)(x.NumberOfElements / weights.Inputs);
        var perScale = rows / (int)(scale.NumberOfElements / weights.Inputs);
        var lot = PackedProduct.Lot(rows);
        var work = new Work(source.Floats, scales.Floats, weights, (Bfloat16Lane*)TensorMemory.Address(result), rows, perScale, lot);
        CpuTeam.For((rows + lot - 1) / lot, 1, work);
        return result;
    }

    private readonly struct Work(float* x, float* scale, PackedWeights weights, Bfloat16Lane* result, int rows, int perScale, int lot)
        : IRangeWork
    {
        public void Run(int start, int end)
        {
            var width = weights.Inputs;
            var sums = Scratch.Floats(ref _scratch, PackedProduct.TileSums + (long)lot * width / 2);
            var normalized = (Bfloat16Lane*)(sums + PackedProduct.TileSums);
            for (var first = start * lot; first < Math.Min(rows, end * lot); first += lot)
            {
                var count = Math.Min(lot, rows - first);
                for (var row = first; row < first + count; row++)
                {
                    var from = x + (long)row * width;
                    RmsNormRow.Scale(
                        from,
                        RmsNormRow.Square(from, width),
                        scale + (long)(row / perScale) * width,
                        normalized + (long)(row - first) * width,
                        width
                    );
                }
                PackedProduct.Run(
                    normalized,
                    count,
                    weights,
                    sums,
                    new PackedProduct.Rounded(result + (long)first * weights.Outputs, weights.Outputs)
                );
            }
        }
    }
}

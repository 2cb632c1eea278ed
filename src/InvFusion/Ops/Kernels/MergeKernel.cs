using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>Folds p×p tokens (or pixels) into one and maps them, in one pass; sums in float32.</summary>
internal static unsafe class MergeKernel
{
    /// <summary>Linear(<see cref="TokenLayout.Merge"/>(x, p)).</summary>
    /// <param name="x"><c>[B, h·p, w·p, c]</c>.</param>
    /// <param name="packed">Weights of p·p·c inputs, packed.</param>
    /// <param name="patch">p.</param>
    /// <returns><c>[B, h, w, d]</c> float32.</returns>
    public static Tensor Apply(Tensor x, Tensor packed, int patch) =>
        packed.dtype == ScalarType.Float32 ? Apply<Float32Lane>(x, packed, patch) : Apply<Bfloat16Lane>(x, packed, patch);

    private static Tensor Apply<T>(Tensor x, Tensor packed, int patch)
        where T : unmanaged, ILane<T>
    {
        using var source = new TensorRows(x);
        var shape = x.shape;
        var weights = new PackedWeights<T>(packed);
        var result = empty([shape[0], shape[1] / patch, shape[2] / patch, weights.Outputs], ScalarType.Float32);
        PackedProduct.For(
            (int)(result.NumberOfElements / weights.Outputs),
            weights,
            new Folded<T>(source.Floats, patch, (int)shape[2] / patch, (int)shape[3] * patch),
            new PackedProduct.Kept<Float32Lane>((Float32Lane*)TensorMemory.Floats(result), weights.Outputs)
        );
        return result;
    }

    // The lines of tokens follow each other without a gap, over samples too. Of a token each line of pixels is a piece of p·c numbers in a row.
    private readonly struct Folded<T>(float* x, int lines, int columns, int piece) : IRowSource<T>
        where T : unmanaged, ILane<T>
    {
        public void Write(int row, T* to)
        {
            for (var line = 0; line < lines; line++, to += piece)
            {
                var from = x + ((long)(row / columns * lines + line) * columns + row % columns) * piece;
                Lanes.Narrow(from, to, piece);
            }
        }
    }
}

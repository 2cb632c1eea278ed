using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>The end of an attention block and the feed-forward block behind it in one pass over the tokens; sums in float32.</summary>
internal static unsafe class FeedForwardKernel
{
    [ThreadStatic]
    private static Scratch? _scratch;

    /// <summary>y = x + Linear(attended), then y + down(GEGLU(up(RMSNorm(y)))).</summary>
    /// <param name="x"><c>[…, d]</c> float32.</param>
    /// <param name="attended">What the heads read, <c>[…, d]</c>, contiguous, in the type of the packed weights.</param>
    /// <param name="outProjection">Weights of the attention's out-projection, packed.</param>
    /// <param name="scale">Of the norm, <c>[B, d]</c> or <c>[1, d]</c> float32; each row serves as many tokens.</param>
    /// <param name="up">Packed with gates.</param>
    /// <param name="down">Packed.</param>
    public static Tensor Apply(Tensor x, Tensor attended, Tensor outProjection, Tensor scale, Tensor up, Tensor down) =>
        attended.dtype == ScalarType.Float32
            ? Apply<Float32Lane>(x, attended, outProjection, scale, up, down)
            : Apply<Bfloat16Lane>(x, attended, outProjection, scale, up, down);

    private static Tensor Apply<T>(Tensor x, Tensor attended, Tensor outProjection, Tensor scale, Tensor up, Tensor down)
        where T : unmanaged, ILane<T>
    {
        using TensorRows source = new(x),
            scales = new(scale);
        var result = empty(x.shape, ScalarType.Float32);
        var width = (int)x.shape[^1];
        var rows = (int)(x.NumberOfElements / width);
        var lot = PackedProduct.Lot(rows);
        var work = new Work<T>(
            source.Floats,
            (T*)TensorMemory.Address(attended),
            scales.Floats,
            TensorMemory.Floats(result),
            new(new(outProjection), new(up), new(down)),
            rows,
            rows / (int)(scale.NumberOfElements / width),
            lot
        );
        CpuTeam.For((rows + lot - 1) / lot, 1, work);
        return result;
    }

    private readonly record struct Weights<T>(PackedWeights<T> Out, PackedWeights<T> Up, PackedWeights<T> Down)
        where T : unmanaged, ILane<T>;

    private readonly struct Work<T>(float* x, T* attended, float* scale, float* result, Weights<T> weights, int rows, int perScale, int lot)
        : IRangeWork
        where T : unmanaged, ILane<T>
    {
        public void Run(int start, int end)
        {
            int width = weights.Out.Outputs,
                hidden = weights.Down.Inputs;
            var sums = Scratch.Floats(ref _scratch, PackedProduct.TileSums + (long)lot * (width + hidden) / ProductTile<T>.Depth);
            var normalized = (T*)(sums + PackedProduct.TileSums);
            var gated = normalized + (long)lot * width;
            for (var first = start * lot; first < Math.Min(rows, end * lot); first += lot)
            {
                var count = Math.Min(lot, rows - first);
                PackedProduct.Run(
                    attended + (long)first * width,
                    first,
                    count,
                    weights.Out,
                    sums,
                    new PackedProduct.Added(x, result, width)
                );
                for (var i = 0; i < count; i++)
                {
                    var row = first + i;
                    RmsNormRow.Apply(
                        result + (long)row * width,
                        scale + (long)(row / perScale) * width,
                        normalized + (long)i * width,
                        width
                    );
                }
                PackedProduct.Run(normalized, 0, count, weights.Up, sums, new PackedProduct.Gated<T>(gated, hidden));
                PackedProduct.Run(gated, first, count, weights.Down, sums, new PackedProduct.Added(result, result, width));
            }
        }
    }
}

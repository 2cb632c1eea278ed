using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>Linear(RMSNorm(x)) in one pass over the tokens.</summary>
internal static unsafe class ProjectionKernel
{
    /// <summary>(x · scale · rsqrt(mean(x²) + ε)) Wᵀ.</summary>
    /// <param name="x"><c>[…, d]</c>.</param>
    /// <param name="scale"><c>[B, d]</c> or <c>[1, d]</c> float32; each row serves as many tokens.</param>
    /// <param name="packed">W, packed.</param>
    /// <returns><c>[…, outputs]</c>, in the type of the packed weights.</returns>
    public static Tensor Apply(Tensor x, Tensor scale, Tensor packed) =>
        packed.dtype == ScalarType.Float32 ? Apply<Float32Lane>(x, scale, packed) : Apply<Bfloat16Lane>(x, scale, packed);

    private static Tensor Apply<T>(Tensor x, Tensor scale, Tensor packed)
        where T : unmanaged, ILane<T>
    {
        using TensorRows source = new(x),
            scales = new(scale);
        var weights = new PackedWeights<T>(packed);
        var result = empty([.. x.shape[..^1], weights.Outputs], packed.dtype);
        var rows = (int)(x.NumberOfElements / weights.Inputs);
        var perScale = rows / (int)(scale.NumberOfElements / weights.Inputs);
        PackedProduct.For(
            rows,
            weights,
            new Normalized<T>(source.Floats, scales.Floats, weights.Inputs, perScale),
            new PackedProduct.Kept<T>((T*)TensorMemory.Address(result), weights.Outputs)
        );
        return result;
    }

    private readonly struct Normalized<T>(float* x, float* scale, int width, int perScale) : IRowSource<T>
        where T : unmanaged, ILane<T>
    {
        public void Write(int row, T* to) => RmsNormRow.Apply(x + (long)row * width, scale + (long)(row / perScale) * width, to, width);
    }
}

using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>Linear(RMSNorm(x)) in one pass over the tokens, in bfloat16.</summary>
internal static unsafe class ProjectionKernel
{
    /// <summary>(x · scale · rsqrt(mean(x²) + ε)) Wᵀ.</summary>
    /// <param name="x"><c>[…, d]</c>.</param>
    /// <param name="scale"><c>[B, d]</c> or <c>[1, d]</c> float32; each row serves as many tokens.</param>
    /// <param name="packed">W, packed.</param>
    /// <returns><c>[…, outputs]</c> bfloat16.</returns>
    public static Tensor Apply(Tensor x, Tensor scale, Tensor packed)
    {
        using TensorRows source = new(x),
            scales = new(scale);
        var weights = new PackedWeights(packed);
        var result = empty([.. x.shape[..^1], weights.Outputs], ScalarType.BFloat16);
        var rows = (int)(x.NumberOfElements / weights.Inputs);
        var perScale = rows / (int)(scale.NumberOfElements / weights.Inputs);
        PackedProduct.For(
            rows,
            weights,
            new Normalized(source.Floats, scales.Floats, weights.Inputs, perScale),
            new PackedProduct.Rounded((Bfloat16Lane*)TensorMemory.Address(result), weights.Outputs)
        );
        return result;
    }

    private readonly struct Normalized(float* x, float* scale, int width, int perScale) : IRowSource
    {
        public void Write(int row, Bfloat16Lane* to) =>
            RmsNormRow.Apply(x + (long)row * width, scale + (long)(row / perScale) * width, to, width);
    }
}

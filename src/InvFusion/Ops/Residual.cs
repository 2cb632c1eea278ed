using InvFusion.Ops.Kernels;
using static TorchSharp.torch;

namespace InvFusion.Ops;

/// <summary>The sum of the residual stream, float32, and of what a block adds, in the type of its products.</summary>
public static class Residual
{
    /// <summary>x + delta.</summary>
    /// <param name="x"><c>[…, d]</c>.</param>
    /// <param name="delta">Of its shape.</param>
    public static Tensor Apply(Tensor x, Tensor delta) =>
        FusedKernels.Take(FusedKernel.Norm, x) && x.dtype == ScalarType.Float32 && delta.dtype == ScalarType.BFloat16
            ? ResidualFunction.Apply(x, delta)
            : x + delta;
}

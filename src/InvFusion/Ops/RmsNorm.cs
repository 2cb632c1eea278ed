using InvFusion.Ops.Kernels;
using static TorchSharp.torch;

namespace InvFusion.Ops;

/// <summary>Root-mean-square normalisation over the last dimension: x · scale · rsqrt(mean(x²) + 1e-6), statistics in float32.</summary>
public static class RmsNorm
{
    /// <summary>Added to the mean square.</summary>
    public const double Epsilon = 1e-6;

    /// <summary>Normalises and scales.</summary>
    /// <param name="x"><c>[…, d]</c>.</param>
    /// <param name="scale">Broadcastable to <paramref name="x"/>, float32.</param>
    /// <param name="dtype">Type of the result.</param>
    public static Tensor Apply(Tensor x, Tensor scale, ScalarType dtype)
    {
        if (
            FusedKernels.Take(FusedKernel.Norm, x)
            && dtype is ScalarType.Float32 or ScalarType.BFloat16
            && scale.dtype == ScalarType.Float32
            && OneScalePerSample(x, scale)
        )
        {
            using var single = x.to_type(ScalarType.Float32);
            return FusedKernels.TakeWithoutGraph(FusedKernel.Norm, x, scale)
                ? RmsNormKernel.Apply(single, scale, dtype)
                : RmsNormFunction.Apply(single, scale, dtype);
        }
        using var scope = NewDisposeScope();
        var wide = x.to_type(ScalarType.Float32);
        var inverse = wide.square().mean([-1], keepdim: true).add_(Epsilon).rsqrt_();
        return (wide * (scale * inverse)).to_type(dtype).MoveToOuterDisposeScope();
    }

    private static bool OneScalePerSample(Tensor x, Tensor scale) =>
        scale.shape[^1] == x.shape[^1]
        && (
            scale.NumberOfElements == x.shape[^1]
            || (scale.dim() == x.dim() && scale.NumberOfElements == x.shape[0] * x.shape[^1] && scale.shape[0] == x.shape[0])
        );
}

using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>Our own CPU kernels that take the place of several operations of libtorch. Both compute the same; the plain form is the reference.</summary>
[Flags]
public enum FusedKernel
{
    /// <summary>Nothing: the plain form everywhere.</summary>
    None = 0,

    /// <summary>RMSNorm, with the residual sum before it.</summary>
    Norm = 1,

    /// <summary>GEGLU.</summary>
    Geglu = 2,

    /// <summary>Cosine normalisation, rotary embedding and attention.</summary>
    Attention = 4,

    /// <summary>Feature degradation in token layout.</summary>
    Features = 8,

    /// <summary>The exact inverse of a large blur.</summary>
    BlurInverse = 16,

    /// <summary>Products with packed weights, and what stands before and behind them.</summary>
    Products = 32,

    /// <summary>Inner products of the rows of a matrix.</summary>
    Gram = 64,

    /// <summary>Conjugate gradients of the joint estimate.</summary>
    Joint = 128,

    /// <summary>All.</summary>
    All = Norm | Geglu | Attention | Features | BlurInverse | Products | Gram | Joint,
}

/// <summary>Which kernels are in use, for the whole process.</summary>
public static class FusedKernels
{
    /// <summary>
    /// All at first (none on a processor without vectors of eight numbers, for which they are not made), or what the environment variable INVFUSION_FUSED names
    /// (<c>none</c>, or names with commas between).
    /// </summary>
    public static FusedKernel Enabled { get; set; } =
        Enum.TryParse<FusedKernel>(Environment.GetEnvironmentVariable("INVFUSION_FUSED"), ignoreCase: true, out var chosen) ? chosen
        : Vector256.IsHardwareAccelerated ? FusedKernel.All
        : FusedKernel.None;

    /// <summary>Whether a kernel is in use and can take a tensor: on the CPU, float32 or bfloat16.</summary>
    internal static bool Take(FusedKernel kernel, Tensor tensor) =>
        (Enabled & kernel) == kernel
        && tensor.device_type == TorchSharp.DeviceType.CPU
        && (tensor.dtype is ScalarType.Float32 or ScalarType.BFloat16);

    /// <summary>Whether it can also go without a graph: nobody will ask for the gradient of the tensor, nor of what it is computed with.</summary>
    internal static bool TakeWithoutGraph(FusedKernel kernel, Tensor tensor, Tensor? other = null) =>
        Take(kernel, tensor) && (!is_grad_enabled() || (!tensor.requires_grad && other is not { requires_grad: true }));
}

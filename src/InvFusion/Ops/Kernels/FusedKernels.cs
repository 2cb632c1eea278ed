using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>Whether our own kernels take the place of several operations of libtorch. Both compute the same; the plain form is the reference.</summary>
public static class FusedKernels
{
    /// <summary>Turns them on (at first) or off, for the whole process; environment variable INVFUSION_FUSED=0 starts with them off.</summary>
    public static bool Enabled { get; set; } = Environment.GetEnvironmentVariable("INVFUSION_FUSED") != "0";

    /// <summary>Whether they can take a tensor: on the CPU, float32 or bfloat16.</summary>
    internal static bool Take(Tensor tensor) =>
        Enabled && tensor.device_type == TorchSharp.DeviceType.CPU && (tensor.dtype is ScalarType.Float32 or ScalarType.BFloat16);

    /// <summary>Whether they can take a tensor whose gradient nobody will ask for; nor that of what it is computed with.</summary>
    internal static bool TakeWithoutGraph(Tensor tensor, Tensor? other = null) =>
        Take(tensor) && (!is_grad_enabled() || (!tensor.requires_grad && other is not { requires_grad: true }));
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>The numbers of a tensor where they lie.</summary>
internal static unsafe class TensorMemory
{
    /// <summary>Whether a kernel can take it: float32, contiguous, on the CPU, below 2 GB, of the given shape.</summary>
    public static bool Fits(Tensor tensor, params ReadOnlySpan<long> shape) =>
        tensor.device_type == TorchSharp.DeviceType.CPU
        && tensor.dtype == ScalarType.Float32
        && tensor.is_contiguous()
        && tensor.numel() <= int.MaxValue / sizeof(float)
        && tensor.shape.AsSpan().SequenceEqual(shape);

    /// <summary>The first number of a contiguous tensor of float32, or of the pairs of complex float32; holds while the tensor lives.</summary>
    public static float* Floats(Tensor tensor) => (float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes));
}

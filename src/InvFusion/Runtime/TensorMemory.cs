using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace InvFusion.Runtime;

/// <summary>Where the numbers of a tensor lie, on whatever device: TorchSharp gives it for the CPU alone.</summary>
internal static unsafe partial class TensorMemory
{
    /// <summary>The address of the first number of a contiguous tensor; it holds while the tensor lives.</summary>
    public static nint Address(Tensor tensor) =>
        tensor.is_contiguous() ? Data(tensor.Handle) : throw new ArgumentException("the tensor must be contiguous", nameof(tensor));

    /// <summary>The first number of a contiguous tensor of float32, or of the pairs of complex float32, on the CPU.</summary>
    public static float* Floats(Tensor tensor) => (float*)Address(tensor);

    /// <summary>Whether a kernel can take it: float32, contiguous, on the CPU, below 2 GB, of the given shape.</summary>
    public static bool Fits(Tensor tensor, params ReadOnlySpan<long> shape) =>
        tensor.device_type == TorchSharp.DeviceType.CPU
        && tensor.dtype == ScalarType.Float32
        && tensor.is_contiguous()
        && tensor.numel() <= int.MaxValue / sizeof(float)
        && tensor.shape.AsSpan().SequenceEqual(shape);

    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_data")]
    private static partial nint Data(nint tensor);
}

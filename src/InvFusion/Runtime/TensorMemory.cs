using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace InvFusion.Runtime;

/// <summary>Where the numbers of a tensor lie, on whatever device: TorchSharp gives it for the CPU alone.</summary>
internal static unsafe partial class TensorMemory
{
    /// <summary>The address of the first number of a contiguous tensor; it holds while the tensor lives.</summary>
    public static nint Address(Tensor tensor) =>
        IsContiguous(tensor) ? Data(tensor.Handle) : throw new ArgumentException("the tensor must be contiguous", nameof(tensor));

    /// <summary>The first number of a contiguous tensor of float32, or of the pairs of complex float32, on the CPU.</summary>
    public static float* Floats(Tensor tensor) => (float*)Address(tensor);

    /// <summary>A copy of the numbers of a tensor on the CPU, row by row; TorchSharp's own goes through an index for each.</summary>
    public static T[] Numbers<T>(Tensor tensor)
        where T : unmanaged
    {
        if (tensor.device_type != TorchSharp.DeviceType.CPU || tensor.ElementSize != sizeof(T))
            throw new ArgumentException(
                $"the numbers are {tensor.dtype} on {tensor.device}, not {typeof(T).Name} on the CPU",
                nameof(tensor)
            );
        using var rows = new TensorRows(tensor, tensor.dtype);
        return new ReadOnlySpan<T>((void*)rows.Address, checked((int)tensor.NumberOfElements)).ToArray();
    }

    /// <summary>Refuses a tensor that is disposed, by its name: libtorch would speak of an empty handle, or end the process.</summary>
    /// <exception cref="ObjectDisposedException">It is disposed.</exception>
    public static void RequireAlive(Tensor tensor, string name)
    {
        if (tensor.IsInvalid)
            throw new ObjectDisposedException(name, "the tensor is disposed: its values are gone");
    }

    /// <summary>Whether all its numbers are finite.</summary>
    public static bool AllFinite(Tensor tensor)
    {
        if (tensor.device_type != TorchSharp.DeviceType.CPU || tensor.dtype != ScalarType.Float32)
        {
            using Tensor finite = tensor.isfinite(),
                all = finite.all();
            return all.item<bool>();
        }
        using var rows = new TensorRows(tensor);
        var sum = Vector512<float>.Zero; // 0 · x is 0 of finite numbers and NaN of all others
        var at = rows.Floats;
        var left = tensor.NumberOfElements;
        for (; left >= Vector512<float>.Count; at += Vector512<float>.Count, left -= Vector512<float>.Count)
            sum += Vector512.Load(at) * 0f;
        for (; left > 0; at++, left--)
            sum += Vector512.Create(*at) * 0f;
        return Vector512.EqualsAll(sum, sum);
    }

    /// <summary>Whether a kernel can take it: float32, contiguous, on the CPU, below 2 GB, of the given shape.</summary>
    public static bool Fits(Tensor tensor, params ReadOnlySpan<long> shape) =>
        tensor.device_type == TorchSharp.DeviceType.CPU
        && tensor.dtype == ScalarType.Float32
        && IsContiguous(tensor)
        && tensor.numel() <= int.MaxValue / sizeof(float)
        && tensor.shape.AsSpan().SequenceEqual(shape);

    /// <summary>Whether its numbers lie one behind the other. TorchSharp's own asks for the strides, and allocates for them.</summary>
    public static bool IsContiguous(Tensor tensor) => IsContiguous(tensor.Handle) != 0;

    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_is_contiguous")]
    private static partial byte IsContiguous(nint tensor); // a C++ bool: the rest of the register is anything

    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_data")]
    private static partial nint Data(nint tensor);
}

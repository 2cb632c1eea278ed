using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace InvFusion.Runtime;

/// <summary>Where the numbers of a tensor lie, on whatever device: TorchSharp gives it for the CPU alone.</summary>
internal static partial class TensorMemory
{
    /// <summary>The address of the first number of a contiguous tensor.</summary>
    public static nint Address(Tensor tensor) =>
        tensor.is_contiguous() ? Data(tensor.Handle) : throw new ArgumentException("the tensor must be contiguous", nameof(tensor));

    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_data")]
    private static partial nint Data(nint tensor);
}

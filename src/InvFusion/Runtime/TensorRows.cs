using static TorchSharp.torch;

namespace InvFusion.Runtime;

/// <summary>A tensor in a given type whose numbers lie one behind the other: the one that was given where it is so already, else a copy that is released with this.</summary>
internal readonly unsafe struct TensorRows : IDisposable
{
    private readonly Tensor? _copy;

    /// <summary>Takes a tensor, which must live as long.</summary>
    public TensorRows(Tensor tensor, ScalarType dtype)
    {
        if (tensor.dtype == dtype && TensorMemory.IsContiguous(tensor))
            Tensor = tensor;
        else
        {
            using var typed = tensor.to_type(dtype);
            Tensor = _copy = typed.contiguous();
        }
        Address = TensorMemory.Address(Tensor);
    }

    /// <summary>float32.</summary>
    public TensorRows(Tensor tensor)
        : this(tensor, ScalarType.Float32) { }

    /// <summary>The tensor or the copy.</summary>
    public Tensor Tensor { get; }

    /// <summary>Its first number.</summary>
    public nint Address { get; }

    /// <summary>Its first number, of float32.</summary>
    public float* Floats => (float*)Address;

    /// <inheritdoc/>
    public void Dispose()
    {
        _copy?.Dispose();
        GC.KeepAlive(Tensor); // until here someone works at its address
    }
}

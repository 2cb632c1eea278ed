using InvFusion.Formats.IO;

namespace InvFusion.Formats.PyTorch;

/// <summary>A tensor of a checkpoint; its elements are read when asked for.</summary>
public sealed class PyTorchTensor
{
    // An expanded tensor repeats elements of a small storage; beyond this many, a small file would fill the memory.
    private const long AllowedRepetition = 1 << 20;

    private readonly PyTorchContainer _archive;
    private readonly int _byteLength;
    private readonly long _reach; // elements of the storage from the first to the last that the tensor uses

    internal PyTorchTensor(PyTorchContainer archive, PyTorchStorage storage, long storageOffset, long[] shape, long[] strides)
    {
        (_archive, Storage, StorageOffset, Shape, Strides) = (archive, storage, storageOffset, shape, strides);
        var text = $"a tensor {ElementType} [{string.Join(", ", shape.Take(8))}] of storage {FormatErrors.Quote(storage.Key)}";
        if (!ElementType.TryByteLength(shape, out var bytes) || bytes > Array.MaxLength)
            throw archive.Error($"{text} has a shape that cannot be, or more than 2 GiB");
        _byteLength = (int)bytes;
        _reach = bytes == 0 ? 0 : Reach(shape, strides) ?? throw archive.Error($"{text} has strides that cannot be");
        if (
            storageOffset < 0
            || storageOffset > storage.Count
            || _reach > storage.Count - storageOffset
            || _reach * ElementType.Size() > Array.MaxLength
        )
            throw archive.Error($"{text} reaches beyond its storage of {storage.Count} elements or spans more than 2 GiB");
        if (Count > Math.Max(storage.Count, AllowedRepetition))
            throw archive.Error($"{text} repeats the {storage.Count} elements of its storage too often; save it after .contiguous()");
    }

    /// <summary>How the elements are stored.</summary>
    public ElementType ElementType => Storage.ElementType;

    /// <summary>The length of each dimension; empty for a scalar.</summary>
    public long[] Shape { get; }

    /// <summary>How many elements further the next index of each dimension lies.</summary>
    public long[] Strides { get; }

    /// <summary>Where in the storage the first element lies, in elements.</summary>
    public long StorageOffset { get; }

    /// <summary>The block of elements that the tensor is a view of.</summary>
    public PyTorchStorage Storage { get; }

    /// <summary>The number of elements.</summary>
    public int Count => _byteLength / ElementType.Size();

    /// <summary>Reads the elements as they are stored, brought into C order.</summary>
    /// <exception cref="DataFormatException">The file is damaged.</exception>
    /// <exception cref="ObjectDisposedException">The checkpoint is closed.</exception>
    public byte[] ReadBytes()
    {
        var size = ElementType.Size();
        var bytes = _archive.ReadStorage(Storage.Key, StorageOffset * size, (int)(_reach * size));
        return IsContiguous() ? bytes : StridedCopy.ToContiguous(bytes, Shape, Strides, size, _byteLength);
    }

    /// <summary>Reads the elements as singles in C order, converted from whatever they are stored as.</summary>
    /// <inheritdoc cref="ReadBytes"/>
    public float[] ReadSingles() => ElementConversion.ToSingles(ElementType, ReadBytes());

    private bool IsContiguous()
    {
        var expected = 1L;
        for (var d = Shape.Length - 1; d >= 0; expected *= Shape[d--])
            if (Shape[d] != 1 && Strides[d] != expected)
                return false;
        return true;
    }

    private static long? Reach(long[] shape, long[] strides)
    {
        var reach = (Int128)1;
        for (var d = 0; d < shape.Length; d++)
        {
            if (strides[d] < 0)
                return null;
            reach += (Int128)(shape[d] - 1) * strides[d];
        }
        return reach <= Array.MaxLength ? (long)reach : null;
    }
}

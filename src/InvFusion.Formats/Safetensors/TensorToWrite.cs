using System.Runtime.InteropServices;

namespace InvFusion.Formats.Safetensors;

/// <summary>One tensor on its way into a file; its bytes are asked for only when it is its turn, so a model needs no second copy in memory.</summary>
public sealed class TensorToWrite
{
    private readonly Action<Stream> _write;

    /// <summary>Describes a tensor whose bytes are produced by a callback.</summary>
    /// <param name="name">The tensor's name; unique in the file.</param>
    /// <param name="elementType">How its elements are stored.</param>
    /// <param name="shape">The length of each dimension; empty for a scalar.</param>
    /// <param name="write">Writes exactly the tensor's bytes, C order and little endian.</param>
    public TensorToWrite(string name, ElementType elementType, ReadOnlySpan<long> shape, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(write);
        (Name, ElementType, Shape, _write) = (name, elementType, shape.ToArray(), write);
    }

    /// <summary>Describes a tensor whose bytes are in memory.</summary>
    /// <param name="name">The tensor's name; unique in the file.</param>
    /// <param name="elementType">How its elements are stored.</param>
    /// <param name="shape">The length of each dimension; empty for a scalar.</param>
    /// <param name="data">The tensor's bytes, C order and little endian.</param>
    public TensorToWrite(string name, ElementType elementType, ReadOnlySpan<long> shape, ReadOnlyMemory<byte> data)
        : this(name, elementType, shape, stream => stream.Write(data.Span)) { }

    /// <summary>The tensor's name.</summary>
    public string Name { get; }

    /// <summary>How its elements are stored.</summary>
    public ElementType ElementType { get; }

    /// <summary>The length of each dimension; empty for a scalar.</summary>
    public long[] Shape { get; }

    /// <summary>An F32 tensor over singles in memory, which are not copied.</summary>
    /// <param name="name">The tensor's name; unique in the file.</param>
    /// <param name="shape">The length of each dimension; empty for a scalar.</param>
    /// <param name="values">The elements, C order.</param>
    public static TensorToWrite Singles(string name, ReadOnlySpan<long> shape, ReadOnlyMemory<float> values) =>
        new(name, ElementType.F32, shape, stream => stream.Write(MemoryMarshal.AsBytes(values.Span)));

    internal void WriteTo(Stream stream) => _write(stream);
}

using System.Runtime.InteropServices;

namespace InvFusion.Formats.Numpy;

/// <summary>An array as numpy stores it, in memory; C order.</summary>
public sealed class NpyArray
{
    /// <summary>Wraps bytes, which are not copied.</summary>
    /// <param name="elementType">How the elements are stored.</param>
    /// <param name="shape">The length of each dimension; empty for a scalar.</param>
    /// <param name="data">The elements, C order and little endian.</param>
    /// <exception cref="DataFormatException">The shape and the number of bytes do not agree.</exception>
    public NpyArray(ElementType elementType, ReadOnlySpan<long> shape, byte[] data)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (!elementType.TryByteLength(shape, out var bytes) || bytes != data.Length)
            throw new DataFormatException(
                $"an array of {elementType} [{string.Join(", ", shape.ToArray())}] does not have {data.Length} bytes"
            );
        (ElementType, Shape, Data) = (elementType, shape.ToArray(), data);
    }

    /// <summary>How the elements are stored.</summary>
    public ElementType ElementType { get; }

    /// <summary>The length of each dimension; empty for a scalar.</summary>
    public long[] Shape { get; }

    /// <summary>The elements, C order and little endian.</summary>
    public byte[] Data { get; }

    /// <summary>The number of elements.</summary>
    public int Count => Data.Length / ElementType.Size();

    /// <summary>An array that holds a copy of the values.</summary>
    /// <param name="values">The elements, C order.</param>
    /// <param name="shape">The length of each dimension; empty for a scalar.</param>
    /// <exception cref="DataFormatException">The shape and the number of values do not agree.</exception>
    public static NpyArray FromSingles(ReadOnlySpan<float> values, params ReadOnlySpan<long> shape) =>
        new(ElementType.F32, shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <inheritdoc cref="FromSingles"/>
    public static NpyArray FromDoubles(ReadOnlySpan<double> values, params ReadOnlySpan<long> shape) =>
        new(ElementType.F64, shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <inheritdoc cref="FromSingles"/>
    public static NpyArray FromInt64(ReadOnlySpan<long> values, params ReadOnlySpan<long> shape) =>
        new(ElementType.I64, shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <inheritdoc cref="FromSingles"/>
    public static NpyArray FromBytes(ReadOnlySpan<byte> values, params ReadOnlySpan<long> shape) =>
        new(ElementType.U8, shape, values.ToArray());

    /// <summary>The elements as singles, converted from whatever they are stored as.</summary>
    public float[] ToSingles() => ElementConversion.ToSingles(ElementType, Data);

    /// <summary>The elements as doubles, converted from whatever they are stored as.</summary>
    public double[] ToDoubles() => ElementConversion.ToDoubles(ElementType, Data);
}

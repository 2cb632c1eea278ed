using System.Numerics;
using System.Runtime.InteropServices;

namespace InvFusion.Formats;

/// <summary>Turns the stored bytes of a tensor into numbers and back.</summary>
public static class ElementConversion
{
    /// <summary>Converts every element to single precision.</summary>
    /// <param name="type">How <paramref name="source"/> is stored.</param>
    /// <param name="source">Whole elements, little endian.</param>
    /// <exception cref="ArgumentException"><paramref name="source"/> does not hold whole elements.</exception>
    public static float[] ToSingles(ElementType type, ReadOnlySpan<byte> source)
    {
        var result = new float[source.Length / type.Size()];
        ToSingles(type, source, result);
        return result;
    }

    /// <summary>Converts every element to single precision, into memory of the caller.</summary>
    /// <param name="type">How <paramref name="source"/> is stored.</param>
    /// <param name="source">Whole elements, little endian.</param>
    /// <param name="destination">Receives as many numbers as there are elements.</param>
    /// <exception cref="ArgumentException">The lengths do not agree.</exception>
    public static void ToSingles(ElementType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        CheckLengths(type, source.Length, destination.Length);
        if (type == ElementType.F32)
            source.CopyTo(MemoryMarshal.AsBytes(destination));
        else if (type == ElementType.BF16)
            Widen(MemoryMarshal.Cast<byte, ushort>(source), destination);
        else
            ConvertAll(type, source, destination);
    }

    /// <summary>Converts every element to double precision.</summary>
    /// <param name="type">How <paramref name="source"/> is stored.</param>
    /// <param name="source">Whole elements, little endian.</param>
    /// <exception cref="ArgumentException"><paramref name="source"/> does not hold whole elements.</exception>
    public static double[] ToDoubles(ElementType type, ReadOnlySpan<byte> source)
    {
        var result = new double[source.Length / type.Size()];
        CheckLengths(type, source.Length, result.Length);
        if (type == ElementType.BF16)
            Array.ConvertAll(ToSingles(type, source), x => (double)x).CopyTo(result, 0);
        else
            ConvertAll(type, source, result.AsSpan());
        return result;
    }

    /// <summary>Stores singles as a floating-point type, rounding to nearest, ties to even.</summary>
    /// <param name="source">The numbers.</param>
    /// <param name="type">F64, F32, F16 or BF16.</param>
    /// <exception cref="ArgumentException"><paramref name="type"/> is not a floating-point type.</exception>
    public static byte[] FromSingles(ReadOnlySpan<float> source, ElementType type)
    {
        var bytes = new byte[checked(source.Length * type.Size())];
        switch (type)
        {
            case ElementType.F32:
                MemoryMarshal.AsBytes(source).CopyTo(bytes);
                break;
            case ElementType.BF16:
                Narrow(source, MemoryMarshal.Cast<byte, ushort>(bytes.AsSpan()));
                break;
            case ElementType.F16:
                ConvertAll<float, Half>(MemoryMarshal.AsBytes(source), MemoryMarshal.Cast<byte, Half>(bytes.AsSpan()));
                break;
            case ElementType.F64:
                ConvertAll<float, double>(MemoryMarshal.AsBytes(source), MemoryMarshal.Cast<byte, double>(bytes.AsSpan()));
                break;
            default:
                throw new ArgumentException($"singles are stored as F64, F32, F16 or BF16, not as {type}", nameof(type));
        }
        return bytes;
    }

    private static void CheckLengths(ElementType type, int bytes, int elements)
    {
        if (bytes != (long)elements * type.Size())
            throw new ArgumentException($"{bytes} bytes do not hold {elements} elements of type {type}");
    }

    private static void ConvertAll<TTo>(ElementType type, ReadOnlySpan<byte> source, Span<TTo> destination)
        where TTo : unmanaged, INumber<TTo>
    {
        switch (type)
        {
            case ElementType.F64:
                ConvertAll<double, TTo>(source, destination);
                break;
            case ElementType.F32:
                ConvertAll<float, TTo>(source, destination);
                break;
            case ElementType.F16:
                ConvertAll<Half, TTo>(source, destination);
                break;
            case ElementType.I64:
                ConvertAll<long, TTo>(source, destination);
                break;
            case ElementType.I32:
                ConvertAll<int, TTo>(source, destination);
                break;
            case ElementType.I16:
                ConvertAll<short, TTo>(source, destination);
                break;
            case ElementType.I8:
                ConvertAll<sbyte, TTo>(source, destination);
                break;
            case ElementType.U8:
                ConvertAll<byte, TTo>(source, destination);
                break;
            case ElementType.Bool:
                for (var i = 0; i < destination.Length; i++)
                    destination[i] = source[i] == 0 ? TTo.Zero : TTo.One;
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "is not an element type");
        }
    }

    private static void ConvertAll<TFrom, TTo>(ReadOnlySpan<byte> source, Span<TTo> destination)
        where TFrom : unmanaged, INumber<TFrom>
        where TTo : unmanaged, INumber<TTo>
    {
        var from = MemoryMarshal.Cast<byte, TFrom>(source);
        for (var i = 0; i < destination.Length; i++)
            destination[i] = TTo.CreateTruncating(from[i]);
    }

    // A bfloat16 is a single without its lower 16 bits.
    private static void Widen(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        var bits = MemoryMarshal.Cast<float, uint>(destination);
        var i = 0;
        for (; i <= source.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector.Widen(new Vector<ushort>(source[i..]), out var low, out var high);
            (low << 16).CopyTo(bits[i..]);
            (high << 16).CopyTo(bits[(i + Vector<uint>.Count)..]);
        }
        for (; i < source.Length; i++)
            bits[i] = (uint)source[i] << 16;
    }

    private static void Narrow(ReadOnlySpan<float> source, Span<ushort> destination)
    {
        var bits = MemoryMarshal.Cast<float, uint>(source);
        var i = 0;
        for (; i <= bits.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            var low = Round(new Vector<uint>(bits[i..]));
            var high = Round(new Vector<uint>(bits[(i + Vector<uint>.Count)..]));
            Vector.Narrow(low, high).CopyTo(destination[i..]);
        }
        for (; i < bits.Length; i++)
            destination[i] = (ushort)Round(new Vector<uint>(bits[i]))[0];
    }

    // Half of the last kept place is added, a little less where that place is even; a NaN stays one by its quiet bit.
    private static Vector<uint> Round(Vector<uint> bits)
    {
        var rounded = (bits + new Vector<uint>(0x7fff) + ((bits >> 16) & Vector<uint>.One)) >> 16;
        var isNaN = Vector.GreaterThan(bits & new Vector<uint>(0x7fffffff), new Vector<uint>(0x7f800000));
        return Vector.ConditionalSelect(isNaN, (bits >> 16) | new Vector<uint>(0x40), rounded);
    }
}

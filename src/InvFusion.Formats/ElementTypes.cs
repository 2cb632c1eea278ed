namespace InvFusion.Formats;

/// <summary>Sizes of elements and of whole tensors.</summary>
public static class ElementTypes
{
    /// <summary>The most dimensions that a tensor in a file may have; numpy's limit.</summary>
    public const int MaximumRank = 64;

    /// <summary>The bytes of one element.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="type"/> is not a member of the enumeration.</exception>
    public static int Size(this ElementType type) =>
        type switch
        {
            ElementType.F64 or ElementType.I64 => 8,
            ElementType.F32 or ElementType.I32 => 4,
            ElementType.F16 or ElementType.BF16 or ElementType.I16 => 2,
            ElementType.I8 or ElementType.U8 or ElementType.Bool => 1,
            _ => throw new ArgumentOutOfRangeException(nameof(type), type, "is not an element type"),
        };

    /// <summary>The bytes that a dense tensor takes, or false where its shape cannot be: a negative length, too many dimensions, or a product beyond 63 bits.</summary>
    /// <param name="type">The type of the elements.</param>
    /// <param name="shape">The length of each dimension; empty for a scalar.</param>
    /// <param name="bytes">The size; 0 when false is returned.</param>
    public static bool TryByteLength(this ElementType type, ReadOnlySpan<long> shape, out long bytes)
    {
        bytes = 0;
        if (shape.Length > MaximumRank)
            return false;
        var (product, empty) = ((Int128)type.Size(), false);
        foreach (var length in shape)
        {
            if (length < 0)
                return false;
            empty |= length == 0;
            product *= Math.Max(length, 1); // an empty tensor with an overflowing rest is as wrong as a full one
            if (product > long.MaxValue)
                return false;
        }
        bytes = empty ? 0 : (long)product;
        return true;
    }
}

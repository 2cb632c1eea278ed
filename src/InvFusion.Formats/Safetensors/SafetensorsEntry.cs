namespace InvFusion.Formats.Safetensors;

/// <summary>Where and how one tensor of a safetensors file is stored.</summary>
public sealed class SafetensorsEntry
{
    internal SafetensorsEntry(string name, ElementType elementType, long[] shape, long begin, long end) =>
        (Name, ElementType, Shape, Begin, End) = (name, elementType, shape, begin, end);

    /// <summary>The tensor's name.</summary>
    public string Name { get; }

    /// <summary>How its elements are stored.</summary>
    public ElementType ElementType { get; }

    /// <summary>The length of each dimension, C order; empty for a scalar.</summary>
    public long[] Shape { get; }

    /// <summary>The size in bytes.</summary>
    public long ByteLength => End - Begin;

    /// <summary>First byte, counted from the end of the header.</summary>
    internal long Begin { get; }

    /// <summary>The byte after the last one, counted from the end of the header.</summary>
    internal long End { get; }
}

namespace InvFusion.Formats;

/// <summary>How one element of a tensor is stored; every file format of this library speaks of elements in these terms. Little endian.</summary>
public enum ElementType
{
    /// <summary>IEEE double, 8 bytes.</summary>
    F64,

    /// <summary>IEEE single, 4 bytes.</summary>
    F32,

    /// <summary>IEEE half, 2 bytes.</summary>
    F16,

    /// <summary>The upper half of an IEEE single, 2 bytes.</summary>
    BF16,

    /// <summary>Signed integer, 8 bytes.</summary>
    I64,

    /// <summary>Signed integer, 4 bytes.</summary>
    I32,

    /// <summary>Signed integer, 2 bytes.</summary>
    I16,

    /// <summary>Signed integer, 1 byte.</summary>
    I8,

    /// <summary>Unsigned integer, 1 byte.</summary>
    U8,

    /// <summary>Truth value, 1 byte: 0 is false, anything else true.</summary>
    Bool,
}

using System.Buffers.Binary;
using System.Text;
using static InvFusion.Formats.IO.FormatErrors;

namespace InvFusion.Formats.Numpy;

/// <summary>The header of a .npy stream: what the array is, as the text of a Python dictionary.</summary>
internal sealed record NpyHeader(ElementType ElementType, bool BigEndian, bool FortranOrder, long[] Shape)
{
    private const int MaximumLength = 1 << 16; // real ones have about a hundred bytes
    private const int Alignment = 64;

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    public static NpyHeader Read(string source, Stream stream)
    {
        Span<byte> start = stackalloc byte[8];
        stream.ReadExactly(start);
        if (!start[..6].SequenceEqual(Magic))
            throw new DataFormatException($"{source}: not a .npy array");
        var version = start[6];
        if (version is 0 or > 3 || start[7] != 0)
            throw new DataFormatException($"{source}: .npy version {version}.{start[7]} is not supported; versions 1 to 3 are");
        Span<byte> size = stackalloc byte[4];
        size.Clear();
        stream.ReadExactly(version == 1 ? size[..2] : size);
        var length = BinaryPrimitives.ReadUInt32LittleEndian(size);
        if (length > MaximumLength)
            throw new DataFormatException($"{source}: not a valid .npy array: its header claims {length} bytes");
        var text = new byte[length];
        stream.ReadExactly(text);
        return NpyHeaderParser.Parse(source, (version == 3 ? Encoding.UTF8 : Encoding.Latin1).GetString(text));
    }

    /// <summary>The header's bytes in version 1, padded so that the data is aligned.</summary>
    public static byte[] Format(NpyArray array)
    {
        var shape = array.Shape.Length == 1 ? $"({array.Shape[0]},)" : $"({string.Join(", ", array.Shape)})";
        var text = $"{{'descr': '{Describe(array.ElementType)}', 'fortran_order': False, 'shape': {shape}, }}";
        const int Before = 10; // magic, version, length
        var length = (Before + text.Length + 1 + Alignment - 1) / Alignment * Alignment - Before;
        var header = new byte[Before + length];
        Magic.CopyTo(header);
        header[6] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), (ushort)length);
        Encoding.ASCII.GetBytes(text.PadRight(length - 1) + "\n", header.AsSpan(Before));
        return header;
    }

    /// <summary>The type that numpy calls <paramref name="descr"/>.</summary>
    public static (ElementType Type, bool BigEndian) ParseType(string source, string descr)
    {
        if (descr is ['<' or '|' or '>', .. var code])
        {
            var bigEndian = descr[0] == '>';
            foreach (var type in Enum.GetValues<ElementType>())
                if (type != ElementType.BF16 && Describe(type)[1..] == code && (descr[0] != '|' || type.Size() == 1))
                    return (type, bigEndian);
        }
        throw new DataFormatException(
            descr.Contains('O', StringComparison.Ordinal)
                ? $"{source}: holds Python objects; save plain numbers instead"
                : $"{source}: the element type {Quote(descr)} is not supported; convert it with .astype('<f4')"
        );
    }

    private static string Describe(ElementType type) =>
        type switch
        {
            ElementType.F64 => "<f8",
            ElementType.F32 => "<f4",
            ElementType.F16 => "<f2",
            ElementType.I64 => "<i8",
            ElementType.I32 => "<i4",
            ElementType.I16 => "<i2",
            ElementType.I8 => "|i1",
            ElementType.U8 => "|u1",
            ElementType.Bool => "|b1",
            _ => throw new DataFormatException($"numpy has no element type {type}; convert to F32"),
        };
}

using System.Buffers.Binary;
using SkiaSharp;

namespace InvFusion.Imaging;

/// <summary>The orientation in the eXIf chunk of a PNG, of which Skia does not tell.</summary>
internal static class ExifOrientation
{
    private const int Signature = 8;
    private const int ChunkFrame = 12; // length, type, checksum
    private const ushort Tag = 0x0112;
    private const ushort Short = 3;

    /// <summary>The orientation; upright where the file has none, or is no PNG.</summary>
    public static SKEncodedOrigin OfPng(ReadOnlySpan<byte> content)
    {
        if (content.Length < Signature || content[0] != 0x89)
            return SKEncodedOrigin.TopLeft;
        for (var rest = content[Signature..]; rest.Length >= ChunkFrame; )
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(rest);
            if (length > rest.Length - ChunkFrame)
                break;
            if (rest.Slice(4, 4).SequenceEqual("eXIf"u8))
                return Read(rest.Slice(8, (int)length));
            rest = rest[((int)length + ChunkFrame)..];
        }
        return SKEncodedOrigin.TopLeft;
    }

    // A TIFF header and the first directory.
    private static SKEncodedOrigin Read(ReadOnlySpan<byte> exif)
    {
        if (exif.StartsWith("Exif\0\0"u8)) // belongs to JPEG, but some write it here
            exif = exif[6..];
        var big = exif.StartsWith("MM\0*"u8);
        if (exif.Length < 8 || (!big && !exif.StartsWith("II*\0"u8)))
            return SKEncodedOrigin.TopLeft;
        var offset = big ? BinaryPrimitives.ReadUInt32BigEndian(exif[4..]) : BinaryPrimitives.ReadUInt32LittleEndian(exif[4..]);
        if (offset > exif.Length - 2)
            return SKEncodedOrigin.TopLeft;
        var directory = exif[(int)offset..];
        var entries = directory[2..];
        for (var count = Word(directory, 0); count > 0 && entries.Length >= 12; count--, entries = entries[12..])
            if (Word(entries, 0) == Tag && Word(entries, 2) == Short && Word(entries, 8) is >= 1 and <= 8 and var value)
                return (SKEncodedOrigin)value;
        return SKEncodedOrigin.TopLeft;

        ushort Word(ReadOnlySpan<byte> bytes, int at) =>
            big ? BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]) : BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);
    }
}

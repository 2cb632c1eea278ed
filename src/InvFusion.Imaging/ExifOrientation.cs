using System.Buffers.Binary;
using SkiaSharp;

namespace InvFusion.Imaging;

/// <summary>The orientation in the chunks of a PNG or WebP: Skia tells nothing of a PNG's, and of a WebP's only where no mark of JPEG is before it.</summary>
internal static class ExifOrientation
{
    private const ushort Tag = 0x0112;
    private const ushort Short = 3;

    /// <summary>The orientation; upright where the file has none, or is neither.</summary>
    public static SKEncodedOrigin Of(ReadOnlySpan<byte> content) =>
        content[0] switch
        {
            0x89 => Read(PngChunk(content, "eXIf"u8)),
            (byte)'R' => Read(WebPChunk(content, "EXIF"u8)),
            _ => SKEncodedOrigin.TopLeft,
        };

    // Behind the signature: length, type, content, checksum.
    private static ReadOnlySpan<byte> PngChunk(ReadOnlySpan<byte> content, ReadOnlySpan<byte> type)
    {
        for (var rest = content[Math.Min(8, content.Length)..]; rest.Length >= 12; )
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(rest);
            if (length > rest.Length - 12)
                break;
            if (rest.Slice(4, 4).SequenceEqual(type))
                return rest.Slice(8, (int)length);
            rest = rest[((int)length + 12)..];
        }
        return [];
    }

    // Behind "RIFF", length and "WEBP": type, length, content of an even length.
    private static ReadOnlySpan<byte> WebPChunk(ReadOnlySpan<byte> content, ReadOnlySpan<byte> type)
    {
        for (var rest = content[Math.Min(12, content.Length)..]; rest.Length >= 8; )
        {
            var length = BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
            if (length > rest.Length - 8)
                break;
            if (rest.StartsWith(type))
                return rest.Slice(8, (int)length);
            rest = rest[Math.Min((int)length + (int)length % 2 + 8, rest.Length)..];
        }
        return [];
    }

    // A TIFF header and the first directory.
    private static SKEncodedOrigin Read(ReadOnlySpan<byte> exif)
    {
        if (exif.StartsWith("Exif\0\0"u8)) // belongs to JPEG, but some write it here too
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

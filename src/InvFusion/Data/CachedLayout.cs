using System.Buffers.Binary;
using System.Security.Cryptography;

namespace InvFusion.Data;

/// <summary>The first bytes of a cached set: they say where the header is and what its checksum is.</summary>
/// <remarks>
/// A file is: this prefix (magic, version as uint32, 0 as uint32, length of pixels and of header as int64, SHA-256 of the header), zeros to byte
/// <see cref="PixelOffset"/>, the pixels or the moments of latents, the header as UTF-8 JSON. The header comes last because it holds the checksum of what is
/// before it. Little endian. Version 1 is a set of pixels, 2 one of latents; what wrote and read version 1 alone refuses a 2.
/// </remarks>
internal readonly record struct CachedLayout(uint Version, long PixelBytes, long HeaderBytes, byte[] HeaderHash)
{
    /// <summary>Where the pixels start: a page, so that a mapping is aligned.</summary>
    public const int PixelOffset = 4096;

    /// <summary>Length of the prefix without padding.</summary>
    public const int PrefixBytes = 8 + 4 + 4 + 8 + 8 + SHA256.HashSizeInBytes;

    /// <summary>The version of a set of pixels.</summary>
    public const uint Pixels = 1;

    /// <summary>The version of a set of latents.</summary>
    public const uint Latents = 2;

    private static ReadOnlySpan<byte> Magic => "IVFCACHE"u8;

    /// <summary>The prefix with its padding.</summary>
    public byte[] ToBytes()
    {
        var bytes = new byte[PixelOffset];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), Version);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), PixelBytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(24), HeaderBytes);
        HeaderHash.CopyTo(bytes, 32);
        return bytes;
    }

    /// <summary>Whether a file that starts so is a cached set.</summary>
    public static bool HasMagic(ReadOnlySpan<byte> prefix) => prefix.StartsWith(Magic);

    /// <summary>Reads the prefix and holds it against the file's length.</summary>
    public static CachedLayout Parse(ReadOnlySpan<byte> prefix, long fileLength, string path)
    {
        if (!HasMagic(prefix))
            throw new DataFormatException($"{path}: is not a cached set; write one with 'dataset prepare'");
        if (BinaryPrimitives.ReadUInt32LittleEndian(prefix[8..]) is var version && version is not (Pixels or Latents))
            throw new DataFormatException(
                $"{path}: is a cached set of version {version}, this program reads {Pixels} and {Latents}; prepare it anew"
            );
        var layout = new CachedLayout(
            version,
            BinaryPrimitives.ReadInt64LittleEndian(prefix[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(prefix[24..]),
            prefix.Slice(32, SHA256.HashSizeInBytes).ToArray()
        );
        var (pixels, header) = (layout.PixelBytes, layout.HeaderBytes);
        if (pixels < 0 || pixels > fileLength || header is < 0 or > 1 << 30 || PixelOffset + pixels + header != fileLength)
            throw new DataFormatException($"{path}: is truncated or damaged; prepare it anew");
        return layout;
    }
}

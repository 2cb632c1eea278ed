using System.IO.Compression;

namespace InvFusion.Formats.IO;

/// <summary>What an entry of a zip archive may claim before memory is taken for it.</summary>
public static class ZipLimits
{
    // Deflate cannot do better.
    private const long MostExpansion = 1032;

    // An archive that expands so much beyond this size holds no data.
    private const long AlwaysAllowed = 64 << 20;
    private const long AllowedExpansion = 100;

    /// <summary>The length of an entry, held against what its compressed bytes can hold.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="archiveBytes">Length of the whole archive.</param>
    /// <param name="name">What an error calls the entry.</param>
    /// <exception cref="DataFormatException">It claims more than it can hold, or unpacks to far more than the archive's size suggests.</exception>
    public static long Length(ZipArchiveEntry entry, long archiveBytes, string name)
    {
        ArgumentNullException.ThrowIfNull(entry);
        var (compressed, length) = (entry.CompressedLength, entry.Length);
        if (compressed < 0 || compressed > archiveBytes || length < 0 || length / MostExpansion > compressed)
            throw new DataFormatException($"{name}: claims {length} bytes in {compressed}, which cannot be; the archive is damaged");
        if (length > AlwaysAllowed && length / AllowedExpansion > compressed)
            throw new DataFormatException($"{name}: would unpack {compressed} bytes to {length}; if it is genuine, store it uncompressed");
        return length;
    }
}

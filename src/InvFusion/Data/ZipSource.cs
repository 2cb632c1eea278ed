using System.IO.Compression;

namespace InvFusion.Data;

/// <summary>The images of a zip archive.</summary>
public sealed class ZipSource : ImageSource
{
    private const long MaxFileLength = 1 << 30;

    // An archive is one stream with one position: reading takes turns, decoding does not.
    private readonly Lock _gate = new();
    private readonly ZipArchive _archive;
    private readonly Dictionary<string, ZipArchiveEntry> _entries = new(StringComparer.Ordinal);

    /// <summary>Reads the archive's directory.</summary>
    /// <param name="path">The archive.</param>
    /// <exception cref="DataFormatException">It is missing, damaged, holds a name twice or holds no image; or its <c>dataset.json</c> is wrong.</exception>
    public ZipSource(string path)
        : base(path)
    {
        _archive = OpenArchive(path);
        try
        {
            foreach (var entry in Entries(path))
                if (!_entries.TryAdd(entry.FullName.Replace('\\', '/'), entry))
                    throw new DataFormatException($"{path}: holds {entry.FullName} twice");
            Index(_entries.Keys);
        }
        catch
        {
            _archive.Dispose();
            throw;
        }
    }

    private static ZipArchive OpenArchive(string path)
    {
        try
        {
            return ZipFile.OpenRead(path);
        }
        catch (InvalidDataException e)
        {
            throw new DataFormatException($"{path}: is not a zip archive, or is truncated", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFormatException($"{path}: cannot be read ({e.Message.TrimEnd('.')})", e);
        }
    }

    private List<ZipArchiveEntry> Entries(string path)
    {
        try
        {
            return _archive.Entries.Where(entry => !entry.FullName.EndsWith('/') && !entry.FullName.EndsWith('\\')).ToList();
        }
        catch (InvalidDataException e)
        {
            throw new DataFormatException($"{path}: the archive's directory is damaged", e);
        }
    }

    private protected override byte[] ReadFile(string name)
    {
        var entry = _entries[name];
        if (entry.Length > MaxFileLength)
            throw new DataFormatException($"{Description}: {name}: claims {entry.Length} bytes, more than an image can have");
        try
        {
            byte[] content;
            lock (_gate)
            {
                content = new byte[entry.Length];
                using var stream = entry.Open();
                stream.ReadExactly(content);
            }
            // .NET leaves the checksum to us; a damaged JPEG would otherwise decode to a damaged picture.
            if (Crc32.Of(content) != entry.Crc32)
                throw new DataFormatException($"{Description}: {name}: is damaged (checksum)");
            return content;
        }
        catch (Exception e) when (e is IOException or InvalidDataException or OverflowException or NotSupportedException)
        {
            throw new DataFormatException($"{Description}: {name}: cannot be unpacked ({e.Message.TrimEnd('.')})", e);
        }
    }

    private protected override long LengthOf(string name) => _entries[name].Length;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            lock (_gate)
                _archive.Dispose();
        base.Dispose(disposing);
    }
}

using System.IO.Compression;
using InvFusion.Formats.IO;

namespace InvFusion.Data;

/// <summary>The images of a zip archive.</summary>
public sealed class ZipSource : ImageSource
{
    // An archive is one stream with one position: reading takes turns, decoding does not.
    private readonly Lock _gate = new();
    private readonly ZipArchive _archive;
    private readonly long _bytes; // of the whole archive
    private readonly Dictionary<string, ZipArchiveEntry> _entries = new(StringComparer.Ordinal);

    /// <summary>Reads the archive's directory.</summary>
    /// <param name="path">The archive.</param>
    /// <exception cref="DataFormatException">It is missing, damaged, holds a name twice or holds no image; or its <c>dataset.json</c> is wrong.</exception>
    public ZipSource(string path)
        : base(path)
    {
        (_archive, _bytes) = OpenArchive(path);
        try
        {
            foreach (var entry in Entries(path))
                if (!_entries.TryAdd(entry.FullName.Replace('\\', '/'), entry))
                    throw new DataFormatException($"{path}: holds {Formats.IO.Names.Shown(entry.FullName)} twice");
            Index(_entries.Keys);
        }
        catch
        {
            _archive.Dispose();
            throw;
        }
    }

    private static (ZipArchive Archive, long Bytes) OpenArchive(string path)
    {
        try
        {
            var file = InputFile.OpenRead(path);
            try
            {
                return (new ZipArchive(file, ZipArchiveMode.Read, leaveOpen: false, new ZipNameEncoding()), file.Length);
            }
            catch
            {
                file.Dispose();
                throw;
            }
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
        try
        {
            byte[] content;
            lock (_gate)
            {
                content = new byte[LengthOf(name)];
                using var stream = entry.Open();
                stream.ReadExactly(content);
            }
            // .NET leaves the checksum to us; a damaged JPEG would otherwise decode to a damaged picture.
            if (Crc32.Of(content) != entry.Crc32)
                throw new DataFormatException($"{Shown(name)}: is damaged (checksum)");
            return content;
        }
        catch (Exception e) when (e is IOException or InvalidDataException or OverflowException or NotSupportedException)
        {
            throw new DataFormatException($"{Shown(name)}: cannot be unpacked ({Formats.IO.Names.Shown(e.Message).TrimEnd('.')})", e);
        }
    }

    private protected override long LengthOf(string name) => ZipLimits.Length(_entries[name], _bytes, Shown(name));

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            lock (_gate)
                _archive.Dispose();
        base.Dispose(disposing);
    }
}

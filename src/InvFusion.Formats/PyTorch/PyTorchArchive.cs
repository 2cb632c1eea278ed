using System.IO.Compression;
using System.Text;
using static InvFusion.Formats.IO.FormatErrors;

namespace InvFusion.Formats.PyTorch;

/// <summary>The zip archive that <c>torch.save</c> writes: one folder with <c>data.pkl</c> and the storages <c>data/KEY</c>, all uncompressed.</summary>
internal sealed class PyTorchArchive : IDisposable
{
    private const string PickleName = "data.pkl";
    private readonly Lock _lock = new(); // the archive has one file position
    private readonly ZipArchive _zip;
    private readonly long _fileLength;
    private readonly Dictionary<string, ZipArchiveEntry> _entries = [];
    private bool _disposed;

    private PyTorchArchive(string path, FileStream stream)
    {
        Path = path;
        _fileLength = stream.Length;
        CheckMagic(stream);
        _zip = new ZipArchive(stream, ZipArchiveMode.Read);
        var pickles = _zip.Entries.Where(e => e.Name == PickleName && e.FullName.Count(c => c == '/') == 1).ToList();
        if (pickles.Count != 1)
            throw Error("is a zip archive but not one of torch.save: it must hold one folder with data.pkl");
        var folder = pickles[0].FullName[..^PickleName.Length];
        foreach (var entry in _zip.Entries.Where(e => e.FullName.StartsWith(folder, StringComparison.Ordinal)))
            if (!_entries.TryAdd(entry.FullName[folder.Length..], entry))
                throw Error($"holds {Quote(entry.FullName)} twice");
        if (_entries.ContainsKey("byteorder") && Encoding.ASCII.GetString(ReadEntry("byteorder", 0, null)).Trim() != "little")
            throw Error("was saved on a big-endian machine; save it again on a little-endian one");
    }

    public string Path { get; }

    public static PyTorchArchive Open(string path)
    {
        var stream = OpenRead(path);
        try
        {
            return Translate(path, () => new PyTorchArchive(path, stream));
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    public byte[] ReadPickle() => Translate(Path, () => ReadEntry(PickleName, 0, null));

    /// <summary>The bytes of a storage, or null where the archive does not hold it.</summary>
    public long? StorageLength(string key) => _entries.TryGetValue("data/" + key, out var entry) ? entry.Length : null;

    public byte[] ReadStorage(string key, long start, int length) => Translate(Path, () => ReadEntry("data/" + key, start, length));

    public DataFormatException Error(string message, Exception? inner = null) => new($"{Path}: {message}", inner);

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _zip.Dispose();
        }
    }

    private byte[] ReadEntry(string name, long start, int? length)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var entry = _entries[name];
            // What is stored uncompressed cannot claim more than the file has, and so takes no more memory than that.
            if (entry.IsEncrypted || entry.Length != entry.CompressedLength || entry.Length > _fileLength)
                throw Error($"{Quote(name)} is compressed, encrypted or damaged; torch.save stores plainly, save it again");
            if (entry.Length > Array.MaxLength && length is null)
                throw Error($"{Quote(name)} has {entry.Length} bytes; at most 2 GiB can be read");
            var bytes = new byte[length ?? (int)entry.Length];
            using var content = entry.Open();
            Skip(content, start);
            content.ReadExactly(bytes);
            return bytes;
        }
    }

    private static void Skip(Stream stream, long count)
    {
        var buffer = new byte[Math.Min(count, 1 << 16)];
        for (; count > 0; count -= Math.Min(count, buffer.Length))
            stream.ReadExactly(buffer.AsSpan(0, (int)Math.Min(count, buffer.Length)));
    }

    private void CheckMagic(FileStream stream)
    {
        Span<byte> start = stackalloc byte[4];
        var known = stream.ReadAtLeast(start, 4, throwOnEndOfStream: false);
        stream.Position = 0;
        if (known == 4 && start.SequenceEqual("PK\u0003\u0004"u8))
            return;
        if (known == 4 && start[0] == 0x80 && start[2] == 0x8a) // a pickled integer, the old format's magic number
            throw Error(
                "is in the format of PyTorch before 1.6; convert it there: torch.save(torch.load(old), new) in PyTorch 1.6 or later"
            );
        if (known == 4 && start[0] == 0x80)
            throw Error("is a plain pickle; load it in Python and save its tensors with torch.save");
        throw Error("is not a PyTorch checkpoint");
    }
}

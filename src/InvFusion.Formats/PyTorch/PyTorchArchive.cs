using System.IO.Compression;
using System.Text;
using InvFusion.Formats.Pickle;
using static InvFusion.Formats.IO.FormatErrors;

namespace InvFusion.Formats.PyTorch;

/// <summary>
/// The zip archive that <c>torch.save</c> and <c>torch.jit.save</c> write: one folder with <c>data.pkl</c> and the storages <c>data/KEY</c>, all uncompressed. The code
/// of a TorchScript archive is left alone.
/// </summary>
internal sealed class PyTorchArchive : PyTorchContainer
{
    private const string PickleName = "data.pkl";
    private readonly Lock _lock = new(); // the archive has one file position
    private readonly ZipArchive _zip;
    private readonly long _fileLength;
    private readonly Dictionary<string, ZipArchiveEntry> _entries = [];
    private bool _disposed;

    public PyTorchArchive(string path, FileStream stream)
        : base(path)
    {
        _fileLength = stream.Length;
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

    public override object? ReadRoot() =>
        PickleReader.Read(Path, Translate(Path, () => ReadEntry(PickleName, 0, null)), new PyTorchHost(this));

    public override void CheckStorage(string key, ElementType type, long count)
    {
        if (!_entries.TryGetValue("data/" + key, out var entry))
            throw Error($"lacks the storage {Quote(key)}; it is truncated or damaged");
        if (!type.TryByteLength([count], out var bytes) || bytes != entry.Length)
            throw Error($"storage {Quote(key)} has {entry.Length} bytes, not those of {count} elements of type {type}");
    }

    public override byte[] ReadStorage(string key, long start, int length) =>
        Translate(Path, () => ReadEntry("data/" + key, start, length));

    public override void Dispose()
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
}

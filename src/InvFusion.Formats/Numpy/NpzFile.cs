using System.IO.Compression;
using InvFusion.Formats.IO;
using static InvFusion.Formats.IO.FormatErrors;

namespace InvFusion.Formats.Numpy;

/// <summary>An open .npz archive; each array is read when asked for. One thread at a time.</summary>
public sealed class NpzFile : IDisposable
{
    internal const string Extension = ".npy";

    private readonly string _path;
    private readonly long _bytes;
    private readonly ZipArchive _zip;
    private readonly Dictionary<string, ZipArchiveEntry> _entries = [];

    private NpzFile(string path, ZipArchive zip, long bytes)
    {
        (_path, _zip, _bytes) = (path, zip, bytes);
        foreach (var entry in zip.Entries)
        {
            var name = entry.FullName.EndsWith(Extension, StringComparison.Ordinal) ? entry.FullName[..^Extension.Length] : entry.FullName;
            if (!_entries.TryAdd(name, entry))
                throw new DataFormatException($"{path}: holds the array {Quote(name)} twice");
        }
    }

    /// <summary>The names of the arrays, in the order of the archive.</summary>
    public IReadOnlyCollection<string> Names => _entries.Keys;

    /// <summary>Opens an archive and reads the list of its arrays.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFormatException">The file cannot be opened or is not a valid archive.</exception>
    public static NpzFile Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var stream = OpenRead(path);
        try
        {
            return Translate(path, () => new NpzFile(path, new ZipArchive(stream, ZipArchiveMode.Read), stream.Length));
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Reads one array.</summary>
    /// <param name="name">The array's name, without <c>.npy</c>.</param>
    /// <exception cref="DataFormatException">There is no such array, or it is damaged, or it unpacks to far more than the archive's size suggests.</exception>
    /// <exception cref="ObjectDisposedException">The archive is closed.</exception>
    public NpyArray Read(string name)
    {
        if (!_entries.TryGetValue(name, out var entry))
            throw new DataFormatException($"{_path}: holds no array {Quote(name)}; it holds {List()}");
        var source = $"{_path}: array {Quote(name)}";
        _ = ZipLimits.Length(entry, _bytes, source);
        return Translate(
            source,
            () =>
            {
                using var content = entry.Open();
                return Npy.ReadWhole(content, source);
            }
        );
    }

    /// <summary>Closes the archive.</summary>
    public void Dispose() => _zip.Dispose();

    private string List() => string.Join(", ", Names.Take(10).Select(Quote));
}

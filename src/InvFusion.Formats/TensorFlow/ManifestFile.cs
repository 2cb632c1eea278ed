using System.Text.Json;
using InvFusion.Formats.IO;

namespace InvFusion.Formats.TensorFlow;

/// <summary>
/// Weights as TensorFlow.js publishes them: a JSON manifest with names, shapes and quantisation, and beside it the files with the elements, one tensor after the other
/// in the manifest's order. Read strictly: the files hold exactly the bytes that the manifest describes.
/// </summary>
public sealed class ManifestFile : IDisposable
{
    /// <summary>What the names of manifests end with.</summary>
    public const string Suffix = "manifest.json";

    /// <summary>More than any manifest of names and shapes.</summary>
    private const int MaximumJson = 16 << 20;

    private readonly Dictionary<string, (Stream Data, ManifestEntry Entry)> _tensors = [];
    private readonly List<Stream> _streams = [];
    private readonly string _path;

    private ManifestFile(string path) => _path = path;

    /// <summary>The shape of each tensor.</summary>
    public IReadOnlyDictionary<string, long[]> Shapes => _tensors.ToDictionary(t => t.Key, t => t.Value.Entry.Shape);

    /// <summary>Opens a manifest and the files that it names; tensors are read when asked for.</summary>
    /// <param name="path">The manifest.</param>
    /// <exception cref="DataFormatException">A file is missing, too short or too long, or the manifest is damaged; the message names the file.</exception>
    public static ManifestFile Open(string path)
    {
        var file = new ManifestFile(path);
        try
        {
            foreach (var group in Groups(path))
                file.Add(group);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The files of elements that a manifest names, beside it, whether they are there or not.</summary>
    /// <exception cref="DataFormatException">The manifest cannot be read or is damaged.</exception>
    public static IReadOnlyList<string> FilesOf(string path) => [.. Groups(path).SelectMany(g => g.Paths).Select(p => Beside(path, p))];

    /// <summary>The elements of a tensor as singles, C order.</summary>
    /// <param name="name">One of <see cref="Shapes"/>.</param>
    /// <exception cref="DataFormatException">A file has changed since it was opened.</exception>
    public float[] ReadSingles(string name)
    {
        var (data, entry) = _tensors[name];
        var bytes = new byte[entry.Bytes];
        FormatErrors.Translate(
            _path,
            () =>
            {
                data.Position = entry.Begin;
                data.ReadExactly(bytes);
                return true;
            }
        );
        if (entry.Scale is not { } scale)
            return ElementConversion.ToSingles(entry.Type, bytes);
        return [.. bytes.Select(q => (float)(q * scale + entry.Minimum))];
    }

    /// <inheritdoc/>
    public void Dispose() => _streams.ForEach(s => s.Dispose());

    private void Add(ManifestGroup group)
    {
        var parts = group.Paths.Select(p => Beside(_path, p)).ToArray();
        foreach (var part in parts.Where(p => !File.Exists(p)))
            throw new DataFormatException($"{_path}: needs {part}, which is missing; put it beside the manifest");
        var there = parts.Sum(p => new FileInfo(p).Length);
        var wanted = group.Tensors.Sum(t => t.Bytes);
        if (there != wanted)
            throw new DataFormatException(
                $"{_path}: describes {wanted} bytes, {string.Join(", ", parts)} has {there}; cut, or of another model: fetch both again"
            );
        Stream data = parts is [var single] ? FormatErrors.OpenRead(single) : Joined(parts);
        _streams.Add(data);
        foreach (var tensor in group.Tensors)
            if (!_tensors.TryAdd(tensor.Name, (data, tensor)))
                throw new DataFormatException($"{_path}: tensor {FormatErrors.Quote(tensor.Name)} occurs twice");
    }

    // A tensor may begin in one file and end in the next.
    private static MemoryStream Joined(string[] parts)
    {
        var all = new MemoryStream();
        foreach (var part in parts)
        {
            using var stream = FormatErrors.OpenRead(part);
            stream.CopyTo(all);
        }
        return all;
    }

    private static string Beside(string path, string name) => Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, name);

    private static IReadOnlyList<ManifestGroup> Groups(string path)
    {
        using var stream = FormatErrors.OpenRead(path);
        if (stream.Length > MaximumJson)
            throw new DataFormatException($"{path}: is too large for a manifest of weights");
        try
        {
            using var json = JsonDocument.Parse(stream);
            return ManifestGroup.Parse(path, json.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException) // other than JSON; other than the expected kind of value
        {
            throw new DataFormatException(
                $"{path}: not a valid manifest of weights ({Names.Shown(e.Message).TrimEnd('.', ' ')}); fetch it again",
                e
            );
        }
    }
}

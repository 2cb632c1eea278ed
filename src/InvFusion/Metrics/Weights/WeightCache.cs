using InvFusion.Runtime;

namespace InvFusion.Metrics.Weights;

/// <summary>Where weight files are: those that the user names, else those in the cache.</summary>
public sealed class WeightCache
{
    private readonly Dictionary<string, string[]> _named;

    /// <summary>Takes what the user named.</summary>
    /// <param name="named">NAME=FILE, NAME=FILE,FILE where the parts of a network are in two files, or NAME=FOLDER with the files under their published names.</param>
    /// <param name="folder">The cache's folder; that of the environment when null.</param>
    /// <exception cref="ConfigurationException">An entry is no NAME=FILE of a known name.</exception>
    public WeightCache(IEnumerable<string> named, string? folder = null)
    {
        ArgumentNullException.ThrowIfNull(named);
        _named = named.Select(Parse).ToDictionary(n => n.Name, n => n.Files);
        Folder = folder ?? UserCache.Folder();
    }

    /// <summary>The folder of downloaded files.</summary>
    public string Folder { get; }

    /// <summary>The place of a file in the cache, whether it is there or not.</summary>
    public string PathOf(PublishedFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        return Path.Combine(Folder, file.FileName);
    }

    /// <summary>The files of a network's weights.</summary>
    /// <param name="name">One of <see cref="PublishedWeights.All"/>.</param>
    /// <exception cref="DataFormatException">They are not here; the message says which file is wanted, from where, and how it gets here.</exception>
    public IReadOnlyList<string> Require(string name)
    {
        if (_named.TryGetValue(name, out var given))
        {
            given =
            [
                .. given.SelectMany(g =>
                    Directory.Exists(g) ? PublishedWeights.Find(name).Files.Select(f => Path.Combine(g, f.FileName)) : [g]
                ),
            ];
            return given.FirstOrDefault(f => !File.Exists(f)) is { } missing
                ? throw new DataFormatException($"--weights {name}={missing}: no such file")
                : given;
        }
        var weights = PublishedWeights.Find(name);
        if (weights.Files.FirstOrDefault(f => !File.Exists(PathOf(f))) is { } wanted)
            throw new DataFormatException(
                $"its weights are not here: {wanted.FileName} ({wanted.Bytes / 1e6:0} MB, {wanted.Url}); 'fetch-weights {name}' downloads to {Folder}, or name your own copy with --weights {name}=FILE"
            );
        return [.. weights.Files.Select(PathOf)];
    }

    private static (string Name, string[] Files) Parse(string text)
    {
        var split = text.IndexOf('=', StringComparison.Ordinal);
        if (split < 1 || split == text.Length - 1)
            throw new ConfigurationException($"--weights {text}: must be NAME=FILE, for example inception=pt_inception.pth");
        var weights = PublishedWeights.Find(text[..split]);
        var files = text[(split + 1)..].Split(',');
        return (weights.Name, files);
    }
}

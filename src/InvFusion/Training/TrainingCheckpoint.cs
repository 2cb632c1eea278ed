using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using InvFusion.Formats;
using InvFusion.Formats.Safetensors;
using InvFusion.Models;
using InvFusion.Training.Averages;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>
/// The whole state of a run in one safetensors file with a checksum: weights and buffers by name, moments and average flat. Random numbers need no state: they
/// derive from the seed and the image counter. With Muon its momentum is in <c>adam/first</c>, in the places of its matrices, where <c>adam/second</c> is 0.
/// </summary>
internal static class TrainingCheckpoint
{
    private const string NetworkPrefix = "network/";
    private const string HeaderChecksumKey = "sha256.header";
    private const string OptimizerKey = "optimizer";
    private const string Pattern = "state-*.safetensors";

    public static string PathOf(string folder, long images) => Path.Combine(folder, $"state-{images:D12}.safetensors");

    /// <summary>Checkpoints of a run folder, newest first.</summary>
    public static string[] Find(string folder) =>
        Directory.Exists(folder) ? [.. Directory.GetFiles(folder, Pattern).OrderDescending(StringComparer.Ordinal)] : [];

    public static void Save(
        string path,
        PreconditionedNetwork network,
        FlatOptimizer optimizer,
        PowerAverages averages,
        long images,
        double seconds
    )
    {
        var tensors = Contents(network, optimizer, averages).ToArray();
        var metadata = new Dictionary<string, string>
        {
            [NetworkFile.ConfigurationKey] = network.Configuration.ToJson(),
            ["images"] = images.ToString(CultureInfo.InvariantCulture),
            ["steps"] = optimizer.Steps.ToString(CultureInfo.InvariantCulture),
            ["seconds"] = seconds.ToString("R", CultureInfo.InvariantCulture),
            ["sha256"] = Checksum(tensors.Select(t => (t.Key, Bytes: t.Value))),
        };
        if (optimizer.Kind != OptimizerKind.Adam)
            metadata[OptimizerKey] = optimizer.Kind.ToString(); // Adam's states are those of the versions that had no other
        metadata[HeaderChecksumKey] = HeaderChecksum(metadata, tensors.Select(t => (t.Key, ElementType.F32, t.Value.shape)));
        SafetensorsWriter.Write(path, [.. tensors.Select(t => NetworkFile.ToWrite(t.Key, t.Value))], metadata);
    }

    /// <summary>Restores network and optimizer.</summary>
    /// <exception cref="DataFormatException">The file is torn.</exception>
    /// <exception cref="ConfigurationException">It belongs to another network or optimizer.</exception>
    public static (long Images, double Seconds) Load(
        string path,
        PreconditionedNetwork network,
        FlatOptimizer optimizer,
        PowerAverages averages
    )
    {
        using var file = SafetensorsFile.Open(path);
        Verify(file, path);
        if (NetworkFile.ReadConfiguration(file, path).ToJson() != network.Configuration.ToJson())
            throw new ConfigurationException($"{path}: is the state of another network; start in a new folder");
        var kind = file.Metadata.GetValueOrDefault(OptimizerKey, nameof(OptimizerKind.Adam));
        if (kind != optimizer.Kind.ToString())
            throw new ConfigurationException(
                $"{path}: is the state of a run with {kind}, and optimizer.kind is {optimizer.Kind}; set it to {kind}, or start in a new folder with warmStart"
            );
        long images = long.Parse(file.Metadata["images"], CultureInfo.InvariantCulture),
            steps = long.Parse(file.Metadata["steps"], CultureInfo.InvariantCulture);
        var seconds = double.Parse(file.Metadata["seconds"], NumberStyles.Float, CultureInfo.InvariantCulture);
        NetworkFile.CopyInto(network, file, path, NetworkPrefix);
        foreach (var (name, flat) in Flat(optimizer, averages))
        {
            if (!file.Tensors.ContainsKey(name))
                throw new ConfigurationException($"{path}: has no '{name}'; the run was started without it, start in a new folder");
            using var source = tensor(file.ReadSingles(name));
            if (source.NumberOfElements != flat.NumberOfElements)
                throw new DataFormatException(
                    $"{path}: '{name}' has {source.NumberOfElements} numbers, the network {flat.NumberOfElements}"
                );
            flat.copy_(source);
        }
        optimizer.Steps = steps;
        return (images, seconds);
    }

    /// <summary>Deletes all but the newest checkpoints.</summary>
    public static void Prune(string folder, int keep)
    {
        foreach (var old in Find(folder).Skip(keep))
            File.Delete(old);
    }

    /// <summary>Compares the tensors and the header with their checksums.</summary>
    /// <exception cref="DataFormatException">They differ, or there are none.</exception>
    public static void Verify(SafetensorsFile file, string path)
    {
        foreach (var key in new[] { "images", "steps", "seconds", "sha256" })
            if (!file.Metadata.ContainsKey(key))
                throw new DataFormatException($"{path}: is not a training state (no '{key}' in its metadata)");
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var name in file.Tensors.Keys.Order(StringComparer.Ordinal))
            hash.AppendData(file.Bytes(name));
        if (Convert.ToHexString(hash.GetHashAndReset()) != file.Metadata["sha256"])
            throw new DataFormatException($"{path}: the checksum does not match, the file is damaged");
        // States of the first builds have none.
        if (
            file.Metadata.TryGetValue(HeaderChecksumKey, out var header)
            && header != HeaderChecksum(file.Metadata, file.Tensors.Values.Select(t => (t.Name, t.ElementType, t.Shape)))
        )
            throw new DataFormatException($"{path}: the checksum of its header does not match, the file is damaged");
    }

    // What the bytes of the tensors do not say: counters, and which tensor is which.
    private static string HeaderChecksum(
        IReadOnlyDictionary<string, string> metadata,
        IEnumerable<(string Name, ElementType Type, long[] Shape)> tensors
    )
    {
        var entries = metadata.Where(pair => pair.Key != HeaderChecksumKey).Select(pair => $"{pair.Key}={pair.Value}");
        var names = tensors.Select(t => $"{t.Name} {t.Type} [{string.Join(',', t.Shape)}]");
        var text = string.Join('\n', entries.Concat(names).Order(StringComparer.Ordinal));
        return Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    /// <summary>Every tensor of a state by name.</summary>
    public static IEnumerable<KeyValuePair<string, Tensor>> Contents(
        PreconditionedNetwork network,
        FlatOptimizer optimizer,
        PowerAverages averages
    ) => network.state_dict().Select(p => KeyValuePair.Create(NetworkPrefix + p.Key, p.Value)).Concat(Flat(optimizer, averages));

    private static IEnumerable<KeyValuePair<string, Tensor>> Flat(FlatOptimizer optimizer, PowerAverages averages) =>
        [
            new("adam/first", optimizer.FirstMoment),
            new("adam/second", optimizer.SecondMoment),
            new("ema", optimizer.Average),
            .. averages.Tracked.Select(a => KeyValuePair.Create(string.Create(CultureInfo.InvariantCulture, $"ema/{a.Std:R}"), a.Weights)),
        ];

    private static string Checksum(IEnumerable<(string Name, Tensor Bytes)> tensors)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (_, tensor) in tensors.OrderBy(t => t.Name, StringComparer.Ordinal))
        {
            using var scope = NewDisposeScope();
            var contiguous = tensor.detach().cpu().contiguous();
            hash.AppendData(contiguous.bytes);
        }
        return Convert.ToHexString(hash.GetHashAndReset());
    }
}

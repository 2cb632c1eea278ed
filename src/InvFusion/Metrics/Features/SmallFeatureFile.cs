using InvFusion.Formats;
using InvFusion.Formats.Safetensors;
using InvFusion.Models;
using InvFusion.Modules;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>Reads and writes the network of <c>fd_small</c> as safetensors.</summary>
public static class SmallFeatureFile
{
    private const string Key = "invfusion.features";
    private const string Architecture = "small-1"; // another layout gets another number, so that statistics of both are never mixed

    /// <summary>Writes a network atomically, in bfloat16.</summary>
    /// <param name="path">The file.</param>
    /// <param name="network">The network.</param>
    /// <param name="metadata">More entries, such as how it was trained.</param>
    public static void Save(string path, SmallFeatureNetwork network, IReadOnlyDictionary<string, string> metadata)
    {
        ArgumentNullException.ThrowIfNull(network);
        using var scope = NewDisposeScope();
        var tensors = network.state_dict().Select(pair => NetworkFile.ToWrite(pair.Key, pair.Value, ElementType.BF16));
        SafetensorsWriter.Write(path, [.. tensors], new Dictionary<string, string>(metadata) { [Key] = Architecture });
    }

    /// <summary>Loads a network in evaluation mode.</summary>
    /// <exception cref="DataFormatException">The file is damaged or holds another kind of network; the message names it.</exception>
    public static SmallFeatureNetwork Load(string path)
    {
        using var file = SafetensorsFile.Open(path);
        if (!file.Metadata.TryGetValue(Key, out var architecture))
            throw new DataFormatException(
                $"{path}: has no '{Key}' in its metadata, so it is no feature network; 'train-features' makes one"
            );
        if (architecture != Architecture)
            throw new DataFormatException(
                $"{path}: is a feature network '{architecture}', this program reads '{Architecture}'; train it again with 'train-features'"
            );
        return Parameters.Loaded(() => new SmallFeatureNetwork(), network => NetworkFile.CopyInto(network, file, path));
    }
}

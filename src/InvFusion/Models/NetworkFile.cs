using System.Runtime.InteropServices;
using InvFusion.Formats;
using InvFusion.Formats.Safetensors;
using InvFusion.Modules;
using static TorchSharp.torch;

namespace InvFusion.Models;

/// <summary>Reads and writes networks as safetensors; the configuration travels in the metadata.</summary>
public static class NetworkFile
{
    /// <summary>Metadata key of the configuration (JSON).</summary>
    public const string ConfigurationKey = "invfusion.network";

    /// <summary>Metadata key of the degradations that the network was trained with.</summary>
    public const string DegradationsKey = "invfusion.degradations";

    /// <summary>Loads a network in evaluation mode.</summary>
    /// <exception cref="DataFormatException">The file is damaged or is not a network of this kind; the message names the file and tensor.</exception>
    public static PreconditionedNetwork Load(string path)
    {
        using var file = SafetensorsFile.Open(path);
        var configuration = ReadConfiguration(file, path);
        return Parameters.Loaded(() => new PreconditionedNetwork(configuration), network => CopyInto(network, file, path));
    }

    /// <summary>The configuration of a network file.</summary>
    /// <exception cref="DataFormatException">The file has none.</exception>
    public static NetworkConfiguration ReadConfiguration(SafetensorsFile file, string path)
    {
        if (!file.Metadata.TryGetValue(ConfigurationKey, out var json))
            throw new DataFormatException(
                $"{path}: has no '{ConfigurationKey}' in its metadata, so it is not a network of this program; 'model convert' makes one"
            );
        return NetworkConfiguration.FromJson(json, path);
    }

    /// <summary>The degradations that the network of a file was trained with, separated by commas; null where the file does not say.</summary>
    /// <exception cref="DataFormatException">The file cannot be read.</exception>
    public static string? TrainedDegradations(string path)
    {
        using var file = SafetensorsFile.Open(path);
        return file.Metadata.GetValueOrDefault(DegradationsKey);
    }

    /// <summary>Builds a network whose weights are still unset.</summary>
    public static PreconditionedNetwork Build(NetworkConfiguration configuration) =>
        Parameters.WithoutInitialisation(() => new PreconditionedNetwork(configuration));

    /// <summary>Copies every weight from the file, strictly: the same names and shapes, nothing more and nothing less.</summary>
    /// <param name="network">Receives the weights.</param>
    /// <param name="file">The file.</param>
    /// <param name="path">Named in errors.</param>
    /// <param name="prefix">What the names begin with in the file; tensors without it are ignored.</param>
    /// <exception cref="DataFormatException">A tensor is missing, surplus or of another shape.</exception>
    public static void CopyInto(nn.Module network, SafetensorsFile file, string path, string prefix = "")
    {
        var names = file.Tensors.Keys.Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(n => n[prefix.Length..]);
        StrictState.Copy(network.state_dict(), file, path, names, "network");
    }

    /// <summary>Writes a network atomically.</summary>
    /// <param name="path">The file.</param>
    /// <param name="configuration">Its configuration.</param>
    /// <param name="state">Names and float32 tensors.</param>
    /// <param name="type">F32, or BF16 to halve the size.</param>
    /// <param name="metadata">More entries for the metadata.</param>
    public static void Save(
        string path,
        NetworkConfiguration configuration,
        IEnumerable<KeyValuePair<string, Tensor>> state,
        ElementType type = ElementType.F32,
        IReadOnlyDictionary<string, string>? metadata = null
    )
    {
        var all = new Dictionary<string, string>(metadata ?? new Dictionary<string, string>())
        {
            [ConfigurationKey] = configuration.ToJson(),
        };
        SafetensorsWriter.Write(path, [.. state.Select(pair => ToWrite(pair.Key, pair.Value, type))], all);
    }

    /// <summary>A tensor as an entry of a safetensors file, read when it is written.</summary>
    internal static TensorToWrite ToWrite(string name, Tensor tensor, ElementType type = ElementType.F32) =>
        new(
            name,
            type,
            tensor.shape,
            stream =>
            {
                using var scope = NewDisposeScope();
                var contiguous = tensor.detach().cpu().to_type(ScalarType.Float32).contiguous();
                var bytes = contiguous.bytes;
                if (type == ElementType.F32)
                    stream.Write(bytes);
                else
                    stream.Write(ElementConversion.FromSingles(MemoryMarshal.Cast<byte, float>(bytes), type));
            }
        );
}

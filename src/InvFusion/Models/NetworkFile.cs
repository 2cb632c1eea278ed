using System.Runtime.InteropServices;
using InvFusion.Formats;
using InvFusion.Formats.Safetensors;
using InvFusion.Modules;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Models;

/// <summary>Reads and writes networks as safetensors; the configuration travels in the metadata.</summary>
public static class NetworkFile
{
    /// <summary>Metadata key of the configuration (JSON).</summary>
    public const string ConfigurationKey = "invfusion.network";

    /// <summary>Metadata key of the degradations that the network was trained with.</summary>
    public const string DegradationsKey = "invfusion.degradations";

    /// <summary>Metadata key of the lowest and highest σ_y that the network was trained with, as <see cref="TrainedWith.NoiseText"/> writes it.</summary>
    public const string NoiseKey = "invfusion.noise";

    /// <summary>Metadata key of the loss that the network was trained with.</summary>
    public const string LossKey = "invfusion.loss";

    /// <summary>Metadata key of the noise schedules that are fitted to the network (JSON, see <see cref="ModelSchedules"/>).</summary>
    public const string SchedulesKey = "invfusion.schedules";

    private const string What = "network"; // as errors call it

    /// <summary>Loads a network in evaluation mode.</summary>
    /// <exception cref="DataFormatException">The file is damaged or is not a network of this kind; the message names the file and tensor.</exception>
    public static PreconditionedNetwork Load(string path)
    {
        using var turn = TorchTurn.Take();
        using var file = SafetensorsFile.Open(path);
        var configuration = ReadConfiguration(file, path);
        var schedules = ReadSchedules(file, path);
        var trained = TrainedWith.Read(file.Metadata, configuration, path);
        var loaded = Parameters.Loaded(
            () => new PreconditionedNetwork(configuration),
            network => CopyInto(network, file, path),
            outline => StrictState.Check(outline.state_dict(), file, path, Names(file, ""), What)
        );
        loaded.Schedules = schedules;
        loaded.Trained = trained;
        return loaded;
    }

    /// <summary>The noise schedules of a network file; none where it has none.</summary>
    /// <exception cref="ConfigurationException">They cannot be read.</exception>
    public static ModelSchedules ReadSchedules(SafetensorsFile file, string path) =>
        file.Metadata.TryGetValue(SchedulesKey, out var json)
            ? ModelSchedules.FromJson(json, $"{path}, {SchedulesKey}")
            : ModelSchedules.None;

    /// <summary>Copies a network file with other noise schedules; every tensor keeps its bytes.</summary>
    /// <param name="from">The network file.</param>
    /// <param name="to">The file to write; it may be the same.</param>
    /// <param name="schedules">The schedules.</param>
    public static void WriteSchedules(string from, string to, ModelSchedules schedules)
    {
        using var file = SafetensorsFile.Open(from);
        var metadata = new Dictionary<string, string>(file.Metadata) { [SchedulesKey] = schedules.ToJson() };
        SafetensorsWriter.Write(
            to,
            [
                .. file.Tensors.Select(t => new TensorToWrite(
                    t.Key,
                    t.Value.ElementType,
                    t.Value.Shape,
                    stream => stream.Write(file.Bytes(t.Key))
                )),
            ],
            metadata
        );
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

    /// <summary>Builds a network whose weights are still unset.</summary>
    public static PreconditionedNetwork Build(NetworkConfiguration configuration) =>
        Parameters.WithoutInitialisation(() => new PreconditionedNetwork(configuration));

    /// <summary>Copies every weight from the file, strictly: the same names and shapes, nothing more and nothing less.</summary>
    /// <param name="network">Receives the weights.</param>
    /// <param name="file">The file.</param>
    /// <param name="path">Named in errors.</param>
    /// <param name="prefix">What the names begin with in the file; tensors without it are ignored.</param>
    /// <exception cref="DataFormatException">A tensor is missing, surplus or of another shape.</exception>
    public static void CopyInto(nn.Module network, SafetensorsFile file, string path, string prefix = "") =>
        StrictState.Copy(network.state_dict(), file, path, Names(file, prefix), What);

    private static Dictionary<string, string> Names(SafetensorsFile file, string prefix) =>
        file.Tensors.Keys.Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(n => n[prefix.Length..]);

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

using InvFusion.Formats;
using InvFusion.Formats.IO;
using InvFusion.Formats.PyTorch;
using InvFusion.Formats.Safetensors;
using InvFusion.Modules;
using static TorchSharp.torch;

namespace InvFusion.Models;

/// <summary>Converts checkpoints to network files; every name and shape is checked against the configuration before anything is written.</summary>
public static class ModelConverter
{
    /// <summary>A checkpoint of PyTorch (made by <c>torch.save</c>); nothing in it is executed.</summary>
    /// <param name="from">The checkpoint.</param>
    /// <param name="to">The file to write.</param>
    /// <param name="configuration">The network that it belongs to.</param>
    /// <param name="entry">
    /// The entry of the checkpoint's dictionary that holds the state dict; null for <c>ema</c> or <c>state_dict</c> where there is one, else the saved object itself.
    /// </param>
    /// <param name="type">Storage type.</param>
    /// <exception cref="DataFormatException">The checkpoint is damaged or belongs to another network.</exception>
    public static void FromPyTorch(string from, string to, NetworkConfiguration configuration, string? entry, ElementType type)
    {
        using var checkpoint = PyTorchCheckpoint.Open(from);
        var source = entry is null ? checkpoint.FindStateDict() : checkpoint.StateDict(entry);
        using (var outline = Parameters.Outline(() => new PreconditionedNetwork(configuration)))
            Check(outline.state_dict(), source, from);
        using var network = NetworkFile.Build(configuration);
        var state = network.state_dict();
        using var noGrad = no_grad();
        foreach (var (name, target) in state)
        {
            using var values = tensor(source[name].ReadSingles()).view(target.shape);
            target.copy_(values);
        }
        NetworkFile.Save(to, configuration, state, type);
    }

    private static void Check(Dictionary<string, Tensor> state, IReadOnlyDictionary<string, PyTorchTensor> source, string from)
    {
        if (source.Keys.FirstOrDefault(name => !state.ContainsKey(name)) is { } surplus)
            throw new DataFormatException(
                $"{from}: tensor {Names.Quote(surplus)} does not belong to this network; check --preset, --kind and --entry"
            );
        foreach (var (name, target) in state)
        {
            if (!source.TryGetValue(name, out var found))
                throw new DataFormatException($"{from}: tensor '{name}' is missing; check --preset and --kind");
            if (!found.Shape.AsSpan().SequenceEqual(target.shape))
                throw new DataFormatException(
                    $"{from}: tensor '{name}' is [{string.Join(", ", found.Shape)}], the network has [{string.Join(", ", target.shape)}]"
                );
        }
    }

    private const string FirstLayer = "unet.patch_in.proj.weight";

    /// <summary>A network file in another storage type, or as another kind; its metadata is kept, but for the noise schedules of another kind.</summary>
    /// <param name="from">The network file.</param>
    /// <param name="to">The file to write.</param>
    /// <param name="type">Storage type.</param>
    /// <param name="kind">
    /// Null or the network's own kind to keep it. Unconditional makes of a blind network the prior that it is where its measured image is zeros.
    /// </param>
    /// <exception cref="ConfigurationException">The network cannot become of this kind.</exception>
    public static void FromSafetensors(string from, string to, ElementType type, NetworkKind? kind = null)
    {
        using var scope = NewDisposeScope();
        using var network = NetworkFile.Load(from);
        using var file = SafetensorsFile.Open(from);
        var metadata = new Dictionary<string, string>(file.Metadata);
        var (configuration, state) = (network.Configuration, network.state_dict());
        if (kind is { } wanted && wanted != configuration.Kind)
        {
            if ((configuration.Kind, wanted) != (NetworkKind.Blind, NetworkKind.Unconditional))
                throw new ConfigurationException(
                    $"--kind {wanted}: {from} is {configuration.Kind}; only a Blind network can be made into another kind, and only into Unconditional"
                );
            var plain = configuration with
            {
                Kind = wanted,
                MeasurementSkip = false,
                LinearEstimateSteps = 0,
                VarianceInput = false,
                MisfitInput = false,
            };
            state[FirstLayer] = FirstInputs(state[FirstLayer], configuration, plain.InputImages);
            metadata.Remove(NetworkFile.SchedulesKey);
            configuration = plain;
        }
        NetworkFile.Save(to, configuration, state, type, metadata);
    }

    // Each pixel of a patch has the channels of the noisy image as inputs and behind them those of the other images: [D, p²·nC] → [D, p²·mC].
    private static Tensor FirstInputs(Tensor weight, NetworkConfiguration c, int images) =>
        TokenMerge.OfPixels(weight.detach(), c.Patch).narrow(2, 0, images * c.Channels).flatten(1);
}

using InvFusion.Formats;
using InvFusion.Formats.PyTorch;
using InvFusion.Formats.Safetensors;
using static TorchSharp.torch;

namespace InvFusion.Models;

/// <summary>Converts checkpoints to network files; every name and shape is checked against the configuration before anything is written.</summary>
public static class ModelConverter
{
    /// <summary>A checkpoint of the public PyTorch implementation (a zip made by <c>torch.save</c>); nothing in it is executed.</summary>
    /// <param name="from">The checkpoint.</param>
    /// <param name="to">The file to write.</param>
    /// <param name="configuration">The network that it belongs to.</param>
    /// <param name="entry">The entry of the checkpoint's dictionary that holds the state dict.</param>
    /// <param name="type">Storage type.</param>
    /// <exception cref="DataFormatException">The checkpoint is damaged or belongs to another network.</exception>
    public static void FromPyTorch(string from, string to, NetworkConfiguration configuration, string entry, ElementType type)
    {
        using var checkpoint = PyTorchCheckpoint.Open(from);
        var source = checkpoint.StateDict(entry);
        using var network = NetworkFile.Build(configuration);
        var state = network.state_dict();
        if (source.Keys.FirstOrDefault(name => !state.ContainsKey(name)) is { } surplus)
            throw new DataFormatException($"{from}: tensor '{surplus}' does not belong to this network; check --preset and --kind");
        using var noGrad = no_grad();
        foreach (var (name, target) in state)
        {
            if (!source.TryGetValue(name, out var found))
                throw new DataFormatException($"{from}: tensor '{name}' is missing; check --preset and --kind");
            if (!found.Shape.AsSpan().SequenceEqual(target.shape))
                throw new DataFormatException(
                    $"{from}: tensor '{name}' is [{string.Join(", ", found.Shape)}], the network has [{string.Join(", ", target.shape)}]"
                );
            using var values = tensor(found.ReadSingles()).view(target.shape);
            target.copy_(values);
        }
        NetworkFile.Save(to, configuration, state, type);
    }

    /// <summary>A network file in another storage type; its metadata is kept.</summary>
    public static void FromSafetensors(string from, string to, ElementType type)
    {
        using var network = NetworkFile.Load(from);
        using var file = SafetensorsFile.Open(from);
        NetworkFile.Save(to, network.Configuration, network.state_dict(), type, file.Metadata);
    }
}

using InvFusion.Models;
using InvFusion.Modules;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>Weights that a run begins with: those of a network file, which may know less than the network in training.</summary>
internal static class WarmStart
{
    private const string LastLayer = "unet.patch_out.proj.weight";

    /// <summary>
    /// Copies the weights. A network that was not told σ_y goes on as it was: what tells it starts at zero. One without directions gives the mean, and the
    /// directions stay as they are.
    /// </summary>
    /// <param name="network">Receives the weights.</param>
    /// <param name="path">The network file.</param>
    /// <exception cref="DataFormatException">The file is damaged or its network is of another kind or size.</exception>
    public static void Load(PreconditionedNetwork network, string path)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var start = NetworkFile.Load(path);
        var (from, to) = (start.Configuration, network.Configuration);
        var (source, target) = (start.state_dict(), network.state_dict());
        if (source.Keys.FirstOrDefault(name => !target.ContainsKey(name)) is { } surplus)
            throw new DataFormatException($"{path}: tensor '{surplus}' does not belong to this network; check its configuration");
        foreach (var (name, weights) in target)
        {
            if (!source.TryGetValue(name, out var found))
            {
                if (name.StartsWith(HourglassTransformer.NoiseConditioningPrefix, StringComparison.Ordinal))
                    continue;
                throw new DataFormatException($"{path}: tensor '{name}' is missing");
            }
            var (values, receiver) = (found, weights);
            if (name == LastLayer && from.Directions == 0 && to.Directions > 0 && (from.Channels, from.Patch) == (to.Channels, to.Patch))
                (values, receiver) = (PatchOut.ImageRows(found, to.Channels, to.Patch), PatchOut.ImageRows(weights, to.Channels, to.Patch));
            if (!values.shape.AsSpan().SequenceEqual(receiver.shape))
                throw new DataFormatException(
                    $"{path}: tensor '{name}' is [{string.Join(", ", found.shape)}], the network has [{string.Join(", ", weights.shape)}]"
                );
            receiver.copy_(values);
        }
    }
}

using InvFusion.Formats.Safetensors;
using InvFusion.Models;
using InvFusion.Modules;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>Weights that a run begins with: those of a network file, which may know less than the network in training.</summary>
internal static class WarmStart
{
    private const string FirstLayer = "unet.patch_in.proj.weight";
    private const string LastLayer = "unet.patch_out.proj.weight";

    // The variance lies before the misfit: a network that has the misfit alone has no place for the variance before it.
    private static bool AddsInputs(NetworkConfiguration from, NetworkConfiguration to) =>
        from.HasEstimate == to.HasEstimate
        && from.InputImages < to.InputImages
        && (!from.VarianceInput || to.VarianceInput)
        && (!from.MisfitInput || from.VarianceInput == to.VarianceInput);

    /// <summary>
    /// Copies the weights. Inputs that the file's network lacks start at zero weights. A network that was not told σ_y goes on as it was: what tells it starts at zero. One without directions gives the mean, and the
    /// directions stay as they are.
    /// </summary>
    /// <param name="network">Receives the weights.</param>
    /// <param name="path">The network file.</param>
    /// <exception cref="DataFormatException">The file is damaged or its network is of another kind or size.</exception>
    public static void Load(PreconditionedNetwork network, string path)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var file = SafetensorsFile.Open(path);
        var (from, to) = (NetworkFile.ReadConfiguration(file, path), network.Configuration);
        var state = network.state_dict();
        foreach (
            var name in state
                .Keys.Where(n => n.StartsWith(HourglassTransformer.NoiseConditioningPrefix, StringComparison.Ordinal))
                .ToArray()
        )
            if (!file.Tensors.ContainsKey(name))
                state.Remove(name);
        Tensor? inputs = null; // the columns of the first layer that the file has; further inputs start at zero
        if (AddsInputs(from, to))
        {
            inputs = TokenMerge.OfPixels(state[FirstLayer], to.Patch).narrow(2, 0, from.InputImages * to.Channels);
            state[FirstLayer] = empty(inputs.shape[0], inputs.shape[1] * inputs.shape[2]);
        }
        Tensor? image = null; // the rows of the last layer that make the mean
        if (from.Directions == 0 && to.Directions > 0)
        {
            image = PatchOut.ImageRows(state[LastLayer], to.Channels, to.Patch);
            state[LastLayer] = empty(image.shape[0] * image.shape[1], image.shape[2]);
        }
        StrictState.Copy(state, file, path, file.Tensors.Keys.ToDictionary(n => n), "network");
        image?.copy_(state[LastLayer].view(image.shape));
        inputs?.copy_(state[FirstLayer].view(inputs.shape));
    }
}

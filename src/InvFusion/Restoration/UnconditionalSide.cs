using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Models;
using static TorchSharp.torch;

namespace InvFusion.Restoration;

/// <summary>
/// The unconditional side of a network that is conditioned on measurements: with H = none it is a prior over images, as it is trained with the family <c>none</c>.
/// Zero-shot methods run on it, so that they can be compared with a conditional method on one and the same network.
/// </summary>
public static class UnconditionalSide
{
    /// <summary>Whether a network serves a method by its unconditional side: a zero-shot method on a conditional network.</summary>
    /// <param name="network">Its configuration.</param>
    /// <param name="method">Name of the sampler.</param>
    /// <exception cref="ConfigurationException">There is no such sampler.</exception>
    public static bool Serves(NetworkConfiguration network, string method)
    {
        ArgumentNullException.ThrowIfNull(network);
        return network.Kind != NetworkKind.Unconditional && Samplers.Find(method).ZeroShot;
    }

    /// <summary>What tables call this side of a model.</summary>
    public static string Named(string model) => $"{model} (unconditional side)";

    /// <summary>Why the side of a model is no trained prior, in one line; null where it is, or where that is not known.</summary>
    /// <param name="model">What the line calls the model.</param>
    /// <param name="trained">What it was trained with.</param>
    public static string? Warning(string model, TrainedWith trained)
    {
        ArgumentNullException.ThrowIfNull(trained);
        if (trained.HasPrior)
            return null;
        var reason = trained.OnlyMethod is { } only
            ? $"was trained for {only} alone, at one noise level"
            : $"was trained with the degradations {string.Join(",", trained.Degradations!)}, not with 'none'";
        return $"{model}: {reason}, so its unconditional side is not a trained prior; "
            + "use a model trained with 'none' or 'random', or an unconditional one such as the shipped faces64-unconditional";
    }

    /// <summary>
    /// What the network is given in place of the measurement: H = none, y = 0, σ_y = 0, as in training. The sampler itself gets the true H and y. The tensor belongs
    /// to the dispose scope that is open.
    /// </summary>
    /// <param name="image">Shape of an image.</param>
    /// <param name="batch">Images.</param>
    /// <param name="device">Where the network is.</param>
    internal static InverseProblem Problem(ImageShape image, int batch, Device device)
    {
        var none = new NoDegradation(image);
        return new(none, zeros(batch, 1, none.MeasurementLength, device: device));
    }
}

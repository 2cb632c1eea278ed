using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Models;

namespace InvFusion.Restoration;

/// <summary>The method of a restoration: the one that is asked for, or the one that fits the network and what it was trained with.</summary>
/// <param name="Method">Name of the sampler.</param>
/// <param name="Warning">That the network was not trained with what is asked, and what is done about it, in one line; null where it was.</param>
public sealed record MethodChoice(string Method, string? Warning)
{
    /// <summary>The method of a network within what it was trained with: with its default steps within a fiftieth of the CRPS of 63 evaluations of Heun's (docs/samplers.md).</summary>
    public const string Sampling = "ipndm";

    private const string OfPriors = "ddnm";
    private const string OutsideTraining = "ddrm";
    private const string WithoutNetwork = "linear";

    // Where the linear estimate is 3 to 9 dB ahead of a sample of ddrm (docs/restoration.md): what is missing lies between what is measured, or all is mixed. Of the others
    // a sample is as near as the estimate, and the mean of some nearer; of colours, which the estimate knows nothing about, 5 dB nearer.
    private static readonly string[] Linear = ["pixels", "rows", "patches", "mask", "compressed", "matrix", "random-matrix"];

    /// <summary>Chooses.</summary>
    /// <param name="model">What the line calls the model.</param>
    /// <param name="network">Its configuration.</param>
    /// <param name="trained">What it was trained with.</param>
    /// <param name="degradation">The degradation.</param>
    /// <param name="sigmaY">σ_y.</param>
    /// <param name="asked">The method that is asked for; null for the best that fits.</param>
    /// <param name="tiled">Whether images are larger than the network's; their masks are not looked at then (<see cref="TrainedWith.Outside"/>).</param>
    /// <exception cref="ConfigurationException">There is no such method.</exception>
    public static MethodChoice Of(
        string model,
        NetworkConfiguration network,
        TrainedWith trained,
        DegradationSpec degradation,
        double sigmaY,
        string? asked,
        bool tiled = false
    )
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(trained);
        ArgumentNullException.ThrowIfNull(degradation);
        if (network.Kind == NetworkKind.Unconditional) // sees no measurement: any will do
            return new(asked ?? OfPriors, null);
        var outside = trained.Outside(degradation, sigmaY, tiled ? null : new(network.Channels, network.Resolution, network.Resolution));
        if (outside is null)
            return new(asked ?? trained.OnlyMethod ?? Sampling, null);
        var better = trained.HasPrior && !degradation.Names.Any(Linear.Contains) ? OutsideTraining : WithoutNetwork;
        if (asked is null)
            return new(better, $"{model}: was not trained with {outside}; takes {better}, --method chooses another");
        return new(asked, Samplers.Find(asked).Conditional ? $"{model}: was not trained with {outside}; {better} may do better" : null);
    }
}

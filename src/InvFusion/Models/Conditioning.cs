using InvFusion.Degradations;
using static TorchSharp.torch;

namespace InvFusion.Models;

/// <summary>What a network may know beside the noisy image. Nothing here is owned or disposed by the network.</summary>
/// <param name="Operator">H, or null.</param>
/// <param name="Measurements">y, <c>[B, 1, O]</c>, or null.</param>
/// <param name="ClassLabels">Class of each sample, <c>[B]</c> int64; the number of classes itself means "no class". Null is no class for all.</param>
/// <param name="Augmentation">The 9 parameters of the augmentation pipe, <c>[B, 9]</c>, or null for none.</param>
public sealed record Conditioning(
    LinearOperator? Operator = null,
    Tensor? Measurements = null,
    Tensor? ClassLabels = null,
    Tensor? Augmentation = null
)
{
    /// <summary>Nothing known.</summary>
    public static Conditioning None { get; } = new();

    /// <summary>σ_y of each measurement, <c>[B]</c> or <c>[1]</c>, in units of the images, for a network that is told, and for its linear estimate; null is 0.</summary>
    public Tensor? NoiseLevel { get; init; }

    /// <summary>
    /// H⁺y as the network is given it, <c>[B or 1, C, H, W]</c>, from <see cref="PreconditionedNetwork.MeasuredImage"/>; null lets the network compute it anew
    /// at every evaluation.
    /// </summary>
    public Tensor? MeasuredImage { get; init; }

    /// <summary>The estimate at the noise level before, <c>[B, C, H, W]</c>, for a network with <see cref="NetworkConfiguration.MisfitInput"/>; null at the first.</summary>
    public Tensor? LastEstimate { get; init; }

    /// <summary>1, or 0 for samples whose misfit is withheld in training, <c>[B]</c>; null withholds none.</summary>
    internal Tensor? MisfitShown { get; init; }

    /// <summary>What the joint estimate of a trajectory's next evaluation starts from; null lets every evaluation start from nothing.</summary>
    internal LastValue? DualStart { get; init; }
}

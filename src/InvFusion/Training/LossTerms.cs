using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>What a loss gives for a batch.</summary>
/// <param name="Loss">Loss of each pixel, <c>[B, C, H, W]</c>.</param>
/// <param name="Denoised">D, or the mean, <c>[B, C, H, W]</c>.</param>
public sealed record LossTerms(Tensor Loss, Tensor Denoised)
{
    /// <summary>logvar(σ), <c>[B, 1, 1, 1]</c>, of a loss that has one.</summary>
    public Tensor? LogVariance { get; init; }

    /// <summary>Loss of the directions, <c>[B]</c>, of a network that has some.</summary>
    public Tensor? Direction { get; init; }

    /// <summary>Loss of the variances along the directions, <c>[B]</c>.</summary>
    public Tensor? Variance { get; init; }

    /// <summary>What is added to the loss of a sample, weighted, <c>[B]</c>.</summary>
    public Tensor? Extra { get; init; }

    /// <summary>The number whose gradient is taken: summed over pixels and samples, divided by the images of the step.</summary>
    public Tensor Scalar(double imagesOfStep)
    {
        using var scope = NewDisposeScope();
        var sum = Extra is null ? Loss.sum() : Loss.sum() + Extra.sum();
        return (sum / imagesOfStep).MoveToOuterDisposeScope();
    }
}

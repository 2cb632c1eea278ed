using InvFusion.Diffusion;
using static TorchSharp.torch;

namespace InvFusion.Restoration;

/// <summary>What came of one measurement; disposing it releases the images. All images are in [-1, 1] but not clamped.</summary>
/// <param name="Samples">Finished posterior samples, <c>[K, C, H, W]</c>; those of failed samples are NaN.</param>
/// <param name="Mean">Their mean, <c>[C, H, W]</c>.</param>
/// <param name="Spread">Their standard deviation per pixel, <c>[C, H, W]</c>; zeros for one sample.</param>
/// <param name="PseudoInverse">H⁺y with the exact pseudo-inverse, <c>[C, H, W]</c>; damped by σ_y/0.5 for a measurement that was rounded to 8 bits; zeros where there is none.</param>
/// <param name="Failures">Samples that diverged.</param>
/// <param name="Evaluations">Evaluations of the network, in images, those of the guidance included.</param>
/// <param name="ForwardCalls">Images that H was applied to.</param>
/// <param name="InverseCalls">Measurements that H⁺ was applied to.</param>
/// <param name="Cancelled">Whether the run was cancelled; the finished samples are here all the same.</param>
public sealed record RestoredImage(
    Tensor Samples,
    Tensor Mean,
    Tensor Spread,
    Tensor PseudoInverse,
    IReadOnlyList<SampleFailure> Failures,
    long Evaluations,
    long ForwardCalls,
    long InverseCalls,
    bool Cancelled
) : IDisposable
{
    /// <summary>Principal directions <c>[K, C, H, W]</c>, each as long as one standard deviation along it; null where the method has none.</summary>
    public Tensor? Directions { get; init; }

    /// <summary>The samples before they were decoded, <c>[K, c, h, w]</c>, which is what H measures; null where nothing was decoded.</summary>
    public Tensor? Latents { get; init; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Latents?.Dispose();
        Samples.Dispose();
        Mean.Dispose();
        Spread.Dispose();
        PseudoInverse.Dispose();
        Directions?.Dispose();
    }
}

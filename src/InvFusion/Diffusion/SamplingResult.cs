using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>What a sampler returns; disposing it releases the images.</summary>
/// <param name="Images"><c>[B, C, H, W]</c>, in [-1, 1] but not clamped; images of failed samples are NaN throughout.</param>
/// <param name="Failures">For each sample, why it failed, or null.</param>
/// <param name="Evaluations">Evaluations of the denoiser.</param>
/// <param name="Directions">
/// Principal directions of each sample's uncertainty, <c>[B, K, C, H, W]</c>, each as long as one standard deviation along it; null where the sampler has none.
/// </param>
public sealed record SamplingResult(Tensor Images, IReadOnlyList<SampleFailure?> Failures, int Evaluations, Tensor? Directions = null)
    : IDisposable
{
    /// <summary>Raises an error when any sample failed, for callers that cannot go on with the others.</summary>
    /// <exception cref="DivergenceException">A sample failed; the message names the first one.</exception>
    public void ThrowIfFailed()
    {
        var failed = Failures.OfType<SampleFailure>().ToArray();
        if (failed.Length > 0)
            throw new DivergenceException(failed.Length == 1 ? failed[0].Message : $"{failed[0].Message} ({failed.Length} samples failed)");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Images.Dispose();
        Directions?.Dispose();
    }
}

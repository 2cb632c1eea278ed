namespace InvFusion.Diffusion;

/// <summary>Turns noise into images with a denoiser. To add one's own, implement this and add one line to <see cref="Samplers"/>.</summary>
public interface ISampler
{
    /// <summary>Draws one image per sample of the request, without autograd.</summary>
    /// <param name="denoiser">D(x, σ).</param>
    /// <param name="request">Image shape, random numbers and, where the sampler needs it, the inverse problem.</param>
    /// <param name="progress">Told after every evaluation of the denoiser.</param>
    /// <param name="cancellation">Looked at before every evaluation of the denoiser.</param>
    /// <returns>The images. A sample that diverges is marked there; the others are not touched by it.</returns>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    SamplingResult Sample(
        IDenoiser denoiser,
        SamplingRequest request,
        IProgress<SamplingProgress>? progress = null,
        CancellationToken cancellation = default
    );
}

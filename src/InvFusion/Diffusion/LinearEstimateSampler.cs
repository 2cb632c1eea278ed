using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>
/// The best linear estimate of the image from its measurement (<see cref="Degradations.LinearOperator.LinearEstimate(Tensor, Tensor)"/>): what can be had without a network, for images of
/// any size. It is one image, the same for every sample; the denoiser is not asked.
/// </summary>
public sealed class LinearEstimateSampler : ISampler
{
    /// <inheritdoc/>
    /// <exception cref="ConfigurationException">The request has no measurement.</exception>
    public SamplingResult Sample(
        IDenoiser denoiser,
        SamplingRequest request,
        IProgress<SamplingProgress>? progress = null,
        CancellationToken cancellation = default
    )
    {
        using var turn = TorchTurn.Take(cancellation);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var run = new SamplingRun(denoiser, request, steps: 1, progress, cancellation);
        var problem =
            request.Problem ?? throw new ConfigurationException("the sampler linear needs a measurement: there is no H and y here");
        cancellation.ThrowIfCancellationRequested();
        var y = problem.Measurements;
        var estimate = problem.Operator.Exact.LinearEstimate(y, tensor([(float)problem.SigmaY], device: y.device)); // [B or 1, 1, C, H, W]
        var result = run.Finish(estimate.squeeze(1).expand(request.Noise.BatchSize, -1, -1, -1).clone());
        return result with { Images = result.Images.MoveToOuterDisposeScope() };
    }
}

using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>The posterior mean and its principal directions in one evaluation, at the noise level of <see cref="MmseEstimator"/>.</summary>
public sealed class NppcEstimator : ISampler
{
    /// <inheritdoc/>
    /// <exception cref="ConfigurationException">The denoiser knows no directions.</exception>
    public SamplingResult Sample(
        IDenoiser denoiser,
        SamplingRequest request,
        IProgress<SamplingProgress>? progress = null,
        CancellationToken cancellation = default
    )
    {
        if (denoiser is not IDirectionDenoiser { Directions: > 0 } source)
            throw new ConfigurationException("the sampler nppc needs a network with directions: take mmse or edm for this one");
        using var turn = TorchTurn.Take(cancellation);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var (kept, channels) = (new KeepDirections(source), request.Image.Channels);
        var run = new SamplingRun(kept, request, steps: 1, progress, cancellation) { Step = 1 };
        var result = run.Finish(run.Denoise(run.Normal().mul_(MmseEstimator.Sigma), MmseEstimator.Sigma));
        var all = kept.Output!;
        var raw = all.narrow(1, channels, all.shape[1] - channels)
            .reshape(all.shape[0], source.Directions, channels, request.Image.Height, request.Image.Width);
        var vectors = PrincipalDirections.Orthogonalize(raw).Vectors;
        all.Dispose();
        return result with { Images = result.Images.MoveToOuterDisposeScope(), Directions = vectors.MoveToOuterDisposeScope() };
    }

    // Hands the image on and keeps the whole output.
    private sealed class KeepDirections(IDirectionDenoiser inner) : IDenoiser
    {
        public Tensor? Output { get; private set; }

        public Tensor Denoise(Tensor x, Tensor sigma)
        {
            Output = inner.DenoiseWithDirections(x, sigma).DetachFromDisposeScope();
            var finite = Output.isfinite().flatten(1).all(1).view(-1, 1, 1, 1); // a sample whose directions are not, has failed too
            return where(finite, Output.narrow(1, 0, x.shape[1]), full([], double.NaN, dtype: Output.dtype, device: x.device));
        }
    }
}

using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>The posterior mean in one evaluation: D(100 n, 100). At that noise level x says nothing about the image, so only H and y speak.</summary>
public sealed class MmseEstimator : ISampler
{
    /// <summary>The noise level at which networks are trained and asked for the mean.</summary>
    public const double Sigma = 100;

    /// <inheritdoc/>
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
        using var pause = CollectionPause.Begin();
        var run = new SamplingRun(denoiser, request, steps: 1, progress, cancellation) { Step = 1 };
        var result = run.Finish(run.Denoise(run.Normal().mul_(Sigma), Sigma));
        result.Images.MoveToOuterDisposeScope();
        return result;
    }
}

using InvFusion.Diffusion;
using InvFusion.Models;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>The denoising loss of EDM with the uncertainty of EDM2: λ(σ)·(D - x)² / exp(logvar(σ)) + logvar(σ), ln σ ~ N(P_mean, P_std²).</summary>
public sealed record EdmLoss
{
    /// <summary>Mean of ln σ.</summary>
    public double LogSigmaMean { get; init; } = -0.8;

    /// <summary>Standard deviation of ln σ.</summary>
    public double LogSigmaStd { get; init; } = 1.6;

    /// <summary>
    /// Share of the samples that are trained at the σ of <see cref="MmseEstimator"/> instead, which the normal reaches once in thousands of draws. 0 in EDM2.
    /// </summary>
    public double MmseShare { get; init; }

    /// <summary>Draws the standard normal of a sample that chooses its σ.</summary>
    internal double DrawNormal(RandomStream stream)
    {
        var normal = stream.NextNormal();
        if (MmseShare > 0 && stream.NextUniform() < MmseShare)
            return (Math.Log(MmseEstimator.Sigma) - LogSigmaMean) / LogSigmaStd;
        return normal;
    }

    /// <summary>Evaluates the loss of each pixel.</summary>
    /// <param name="network">D and logvar.</param>
    /// <param name="images">x, <c>[B, C, H, W]</c>.</param>
    /// <param name="logSigmaNormals">Standard normals <c>[B]</c> that choose σ.</param>
    /// <param name="noise">Standard normals <c>[B, C, H, W]</c>.</param>
    /// <param name="conditioning">H, y and labels.</param>
    public LossTerms Evaluate(PreconditionedNetwork network, Tensor images, Tensor logSigmaNormals, Tensor noise, Conditioning conditioning)
    {
        using var scope = NewDisposeScope();
        var data = network.Configuration.SigmaData;
        var sigma = (logSigmaNormals.flatten() * LogSigmaStd + LogSigmaMean).exp();
        var level = sigma.view(-1, 1, 1, 1);
        var denoised = network.Denoise(images + noise * level, sigma, conditioning);
        var logVariance = network.LogVariance(sigma);
        var weight = (level.square() + data * data) / (level * data).square(); // λ(σ), EDM table 1
        var loss = weight / logVariance.exp() * (denoised - images).square() + logVariance;
        return new(loss.MoveToOuterDisposeScope(), denoised.MoveToOuterDisposeScope(), logVariance.MoveToOuterDisposeScope());
    }
}

/// <summary>What a loss gives for a batch.</summary>
/// <param name="Loss">Loss of each pixel, <c>[B, C, H, W]</c>.</param>
/// <param name="Denoised">D, <c>[B, C, H, W]</c>.</param>
/// <param name="LogVariance">logvar(σ), <c>[B, 1, 1, 1]</c>.</param>
public sealed record LossTerms(Tensor Loss, Tensor Denoised, Tensor LogVariance)
{
    /// <summary>The number whose gradient is taken: summed over pixels and samples, divided by the images of the step.</summary>
    public Tensor Scalar(double imagesOfStep) => Loss.sum() / imagesOfStep;
}

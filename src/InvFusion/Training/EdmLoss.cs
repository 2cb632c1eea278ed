using InvFusion.Degradations;
using InvFusion.Models;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>The denoising loss of EDM with the uncertainty of EDM2: λ(σ)·(D - x)² / exp(logvar(σ)) + logvar(σ), ln σ ~ N(P_mean, P_std²).</summary>
/// <param name="LogSigmaMean">Mean of ln σ.</param>
/// <param name="LogSigmaStd">Standard deviation of ln σ.</param>
public sealed record EdmLoss(double LogSigmaMean, double LogSigmaStd)
{
    /// <summary>σ of standard normals, <c>[B]</c>.</summary>
    internal Tensor Sigma(Tensor logSigmaNormals) => (logSigmaNormals.flatten() * LogSigmaStd + LogSigmaMean).exp();

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
        var sigma = Sigma(logSigmaNormals);
        var level = sigma.view(-1, 1, 1, 1);
        var denoised = network.Denoise(images + noise * level, sigma, conditioning);
        var logVariance = network.LogVariance(sigma);
        var shape = new ImageShape((int)images.shape[1], (int)images.shape[2], (int)images.shape[3]);
        var weight = network.Configuration.JointEstimate
            ? 1 / network.OutputVariance(sigma, shape)
            : (level.square() + data * data) / (level * data).square(); // λ(σ) = 1/c_out², EDM table 1
        var loss = weight / logVariance.exp() * (denoised - images).square() + logVariance;
        return new(loss.MoveToOuterDisposeScope(), denoised.MoveToOuterDisposeScope())
        {
            LogVariance = logVariance.MoveToOuterDisposeScope(),
        };
    }
}

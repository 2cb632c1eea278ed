using InvFusion.Diffusion;
using InvFusion.Models;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>The squared error of the posterior mean: the network sees noise at the level of <see cref="MmseEstimator"/>, and no image.</summary>
public static class MmseLoss
{
    /// <summary>Evaluates the loss of each pixel.</summary>
    /// <param name="network">D.</param>
    /// <param name="images">x, <c>[B, C, H, W]</c>.</param>
    /// <param name="noise">Standard normals <c>[B, C, H, W]</c>.</param>
    /// <param name="conditioning">H, y and labels.</param>
    public static LossTerms Evaluate(PreconditionedNetwork network, Tensor images, Tensor noise, Conditioning conditioning)
    {
        using var scope = NewDisposeScope();
        var sigma = tensor([(float)MmseEstimator.Sigma], device: images.device);
        var mean = network.Denoise(noise * MmseEstimator.Sigma, sigma, conditioning);
        return new((mean - images).square().MoveToOuterDisposeScope(), mean.MoveToOuterDisposeScope());
    }
}

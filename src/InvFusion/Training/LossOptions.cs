using System.Text.Json.Serialization;
using InvFusion.Diffusion;
using InvFusion.Models;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>Which loss a run minimises, and its parameters.</summary>
public sealed record LossOptions
{
    /// <summary>What the network is trained for.</summary>
    public LossKind Kind { get; init; }

    /// <summary>Mean of ln σ (edm).</summary>
    public double LogSigmaMean { get; init; } = -0.8;

    /// <summary>Standard deviation of ln σ (edm).</summary>
    public double LogSigmaStd { get; init; } = 1.6;

    /// <summary>
    /// Share of the samples that are trained at the σ of <see cref="MmseEstimator"/> instead, which the normal reaches once in thousands of draws (edm). 0 in EDM2.
    /// </summary>
    public double MmseShare { get; init; }

    /// <summary>
    /// Spreads the σ of an optimizer step's images evenly over their distribution instead of drawing each alone (edm): the same distribution, less variance of the
    /// gradient. See <see cref="StratifiedNormals"/>.
    /// </summary>
    public bool Stratified { get; init; }

    /// <summary>Weight of (H⁺H(D - x))², which is always reported; 0 leaves it out of the loss.</summary>
    public double ConsistencyWeight { get; init; }

    /// <summary>W, the weight of the directions once its ramp of 32 batches is over; the variances have 0.1·W after 64 (nppc).</summary>
    public double DirectionWeight { get; init; } = 1;

    /// <summary>The denoising loss of these parameters.</summary>
    [JsonIgnore]
    public EdmLoss Edm => new(LogSigmaMean, LogSigmaStd);

    /// <summary>What the normal would have to be for the σ of <see cref="MmseEstimator"/>.</summary>
    internal double MmseNormal => (Math.Log(MmseEstimator.Sigma) - LogSigmaMean) / LogSigmaStd;

    /// <summary>Draws the standard normal of a sample that chooses its σ; the losses of the mean need none. Of one sample alone, not stratified.</summary>
    internal double DrawNormal(RandomStream stream)
    {
        if (Kind != LossKind.Edm)
            return 0;
        var normal = stream.NextNormal();
        if (MmseShare > 0 && stream.NextUniform() < MmseShare)
            return MmseNormal;
        return normal;
    }

    /// <summary>Evaluates the loss, without the consistency.</summary>
    /// <param name="network">The network.</param>
    /// <param name="images">x, <c>[B, C, H, W]</c>.</param>
    /// <param name="logSigmaNormals">Of <see cref="DrawNormal"/> or <see cref="StratifiedNormals"/>, <c>[B]</c>.</param>
    /// <param name="noise">Standard normals <c>[B, C, H, W]</c>.</param>
    /// <param name="conditioning">H, y and labels.</param>
    /// <param name="steps">Optimizer steps before this one, for the ramps of nppc.</param>
    internal LossTerms Evaluate(
        PreconditionedNetwork network,
        Tensor images,
        Tensor logSigmaNormals,
        Tensor noise,
        Conditioning conditioning,
        long steps
    ) =>
        Kind switch
        {
            LossKind.Mmse => MmseLoss.Evaluate(network, images, noise, conditioning),
            LossKind.Nppc => NppcLoss.Evaluate(network, images, noise, conditioning).Weigh(DirectionWeight, steps),
            _ => Edm.Evaluate(network, images, logSigmaNormals, noise, conditioning),
        };
}

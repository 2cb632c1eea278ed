using InvFusion.Runtime;

namespace InvFusion.Degradations;

/// <summary>Blur by a Gaussian without decimation, with zeros around the image; the kernel is cut at four standard deviations or at the image's size.</summary>
public sealed class GaussianBlurFamily : RoundBlurFamily
{
    /// <summary>Range of the standard deviation in pixels, whose logarithm is uniform.</summary>
    public (double Low, double High) Sigma { get; init; } = (0.5, 4);

    /// <inheritdoc/>
    public override string Name => "gaussian";

    private protected override double Reach => 4 * Sigma.High;

    private protected override float[] Kernel(RandomStream stream, int width, int height) =>
        BlurKernel.Gaussian(LogUniform(stream, Sigma), width, height);
}

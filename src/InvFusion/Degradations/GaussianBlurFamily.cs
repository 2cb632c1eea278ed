using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Blur by a Gaussian without decimation, with zeros around the image; the kernel is cut at four standard deviations or at the image's size.</summary>
public sealed class GaussianBlurFamily : DegradationFamily
{
    /// <summary>Range of the standard deviation in pixels, whose logarithm is uniform.</summary>
    public (double Low, double High) Sigma { get; init; } = (0.5, 4);

    /// <summary>What lies beyond the frame. With zeros the tails of the blur outside it are measured too, as on the doubled canvas of <see cref="FourierOperator"/>.</summary>
    public BlurBorder Border { get; init; } = BlurBorder.Zero;

    /// <summary>Whether with zeros too only the frame is measured.</summary>
    internal bool Framed { get; init; }

    /// <inheritdoc/>
    public override string Name => "gaussian";

    /// <inheritdoc/>
    public override LinearOperator Draw(ImageShape image, IReadOnlyList<RandomStream> samples, RandomStream batch, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        var reach = 4 * Sigma.High; // of the widest: all kernels of a batch have one size, whoever is in it
        var (kh, kw) = (BlurKernel.Side(reach, image.Height), BlurKernel.Side(reach, image.Width));
        var kernels = (Shared ? [batch] : samples).Select(s => BlurKernel.Gaussian(LogUniform(s, Sigma), kw, kh));
        var stacked = Stack(kernels, 1, kh, kw, device);
        return Border == BlurBorder.Zero && !Framed
            ? new FourierOperator(image, stacked, stride: 1, batchThreshold: Shared)
            : new FramedBlur(image, stacked, Border);
    }
}

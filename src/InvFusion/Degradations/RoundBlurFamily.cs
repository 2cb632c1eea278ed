using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Blur without decimation by a round kernel of random size, with zeros around the image; which kernel, a derived family says.</summary>
public abstract class RoundBlurFamily : DegradationFamily
{
    private protected RoundBlurFamily() { }

    /// <summary>What lies beyond the frame. With zeros the tails of the blur outside it are measured too, as on the doubled canvas of <see cref="FourierOperator"/>.</summary>
    public BlurBorder Border { get; init; } = BlurBorder.Zero;

    /// <summary>Whether with zeros too only the frame is measured.</summary>
    internal bool Framed { get; init; }

    /// <inheritdoc/>
    public sealed override LinearOperator Draw(
        ImageShape image,
        IReadOnlyList<RandomStream> samples,
        RandomStream batch,
        Device? device = null
    )
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        // Of the largest: all kernels of a batch have one size, whoever is in it.
        var (kh, kw) = (BlurKernel.Side(Reach, image.Height), BlurKernel.Side(Reach, image.Width));
        var stacked = Stack((Shared ? [batch] : samples).Select(s => Kernel(s, kw, kh)), 1, kh, kw, device);
        return Border == BlurBorder.Zero && !Framed
            ? new FourierOperator(image, stacked, stride: 1, batchThreshold: Shared)
            : new FramedBlur(image, stacked, Border);
    }

    /// <summary>Pixels from the middle of the largest kernel to its border.</summary>
    private protected abstract double Reach { get; }

    /// <summary>A kernel whose size is drawn, row by row.</summary>
    private protected abstract float[] Kernel(RandomStream stream, int width, int height);
}

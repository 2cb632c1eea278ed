using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Blur by a disk (a lens out of focus) without decimation, with zeros around the image; the kernel is cut at the image's size.</summary>
public sealed class DiskBlurFamily : DegradationFamily
{
    /// <summary>Range of the radius in pixels, drawn uniformly.</summary>
    public (double Low, double High) Radius { get; init; } = (1, 6);

    /// <summary>What lies beyond the frame. With zeros the tails of the blur outside it are measured too, as on the doubled canvas of <see cref="FourierOperator"/>.</summary>
    public BlurBorder Border { get; init; } = BlurBorder.Zero;

    /// <summary>Whether with zeros too only the frame is measured.</summary>
    internal bool Framed { get; init; }

    /// <inheritdoc/>
    public override string Name => "disk";

    /// <inheritdoc/>
    public override LinearOperator Draw(ImageShape image, IReadOnlyList<RandomStream> samples, RandomStream batch, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        var reach = Math.Max(0, Radius.High - 0.5); // of the largest: all kernels of a batch have one size, whoever is in it
        var (kh, kw) = (BlurKernel.Side(reach, image.Height), BlurKernel.Side(reach, image.Width));
        var kernels = (Shared ? [batch] : samples).Select(s => BlurKernel.Disk(s.NextUniform(Radius.Low, Radius.High), kw, kh));
        var stacked = Stack(kernels, 1, kh, kw, device);
        return Border == BlurBorder.Zero && !Framed
            ? new FourierOperator(image, stacked, stride: 1, batchThreshold: Shared)
            : new FramedBlur(image, stacked, Border);
    }
}

using InvFusion.Runtime;

namespace InvFusion.Degradations;

/// <summary>Blur by a disk (a lens out of focus) without decimation, with zeros around the image; the kernel is cut at the image's size.</summary>
public sealed class DiskBlurFamily : RoundBlurFamily
{
    /// <summary>Range of the radius in pixels, drawn uniformly.</summary>
    public (double Low, double High) Radius { get; init; } = (1, 6);

    /// <inheritdoc/>
    public override string Name => "disk";

    private protected override double Reach => Math.Max(0, Radius.High - 0.5);

    private protected override float[] Kernel(RandomStream stream, int width, int height) =>
        BlurKernel.Disk(stream.NextUniform(Radius.Low, Radius.High), width, height);
}

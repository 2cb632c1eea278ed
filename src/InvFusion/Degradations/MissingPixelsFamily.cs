using InvFusion.Runtime;

namespace InvFusion.Degradations;

/// <summary>Single pixels are missing: a random share of all pixels is observed.</summary>
public sealed class MissingPixelsFamily : MissingShareFamily
{
    /// <summary>5 to 90 % are kept.</summary>
    public MissingPixelsFamily() => Keep = (0.05, 0.9);

    /// <inheritdoc/>
    public override string Name => "pixels";

    private protected override float[] Mask(ImageShape image, RandomStream stream, double keep) =>
        Array.ConvertAll(RandomSubset.Draw(stream, image.Height * image.Width, keep), kept => kept ? 1f : 0);
}

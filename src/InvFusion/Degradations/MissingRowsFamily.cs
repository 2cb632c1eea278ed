using InvFusion.Runtime;

namespace InvFusion.Degradations;

/// <summary>Whole rows of pixels are missing: a random share of the rows is observed.</summary>
public sealed class MissingRowsFamily : MissingShareFamily
{
    /// <summary>5 to 50 % are kept.</summary>
    public MissingRowsFamily() => Keep = (0.05, 0.5);

    /// <inheritdoc/>
    public override string Name => "rows";

    private protected override float[] Mask(ImageShape image, RandomStream stream, double keep) =>
        [.. RandomSubset.Draw(stream, image.Height, keep).SelectMany(kept => Enumerable.Repeat(kept ? 1f : 0, image.Width))];
}

using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Whole rows of pixels are missing: a random share of the rows is observed.</summary>
public sealed class MissingRowsFamily : DegradationFamily
{
    /// <summary>Range of the share of rows that is kept, drawn uniformly for each sample; at least one row is.</summary>
    public (double Low, double High) Keep { get; init; } = (0.05, 0.5);

    /// <inheritdoc/>
    public override string Name => "rows";

    /// <inheritdoc/>
    public override LinearOperator Draw(ImageShape image, IReadOnlyList<RandomStream> samples, RandomStream batch, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        double? common = Shared ? batch.NextUniform(Keep.Low, Keep.High) : null;
        var masks = samples.Select(s => Mask(image, s, common ?? s.NextUniform(Keep.Low, Keep.High)));
        return new MaskOperator(image, Stack(masks, 1, image.Height, image.Width, device));
    }

    private static float[] Mask(ImageShape image, RandomStream stream, double keep) =>
        [.. RandomSubset.Draw(stream, image.Height, keep).SelectMany(kept => Enumerable.Repeat(kept ? 1f : 0, image.Width))];
}

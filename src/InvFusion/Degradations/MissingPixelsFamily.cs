using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Single pixels are missing: a random share of all pixels is observed, in all channels.</summary>
public sealed class MissingPixelsFamily : DegradationFamily
{
    /// <summary>Range of the share of pixels that is kept, drawn uniformly for each sample; at least one pixel is.</summary>
    public (double Low, double High) Keep { get; init; } = (0.05, 0.9);

    /// <inheritdoc/>
    public override string Name => "pixels";

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
        Array.ConvertAll(RandomSubset.Draw(stream, image.Height * image.Width, keep), kept => kept ? 1f : 0);
}

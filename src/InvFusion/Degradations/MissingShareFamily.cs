using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>A random share of equal parts of the image is observed, in all channels; which parts, a derived family says.</summary>
public abstract class MissingShareFamily : DegradationFamily
{
    private protected MissingShareFamily() { }

    /// <summary>Range of the share that is kept, drawn uniformly for each sample; at least one part is.</summary>
    public (double Low, double High) Keep { get; init; }

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
        double? common = Shared ? batch.NextUniform(Keep.Low, Keep.High) : null;
        var masks = samples.Select(s => Mask(image, s, common ?? s.NextUniform(Keep.Low, Keep.High)));
        return new MaskOperator(image, Stack(masks, 1, image.Height, image.Width, device));
    }

    /// <summary>1 for observed pixels and 0 for the others, row by row.</summary>
    private protected abstract float[] Mask(ImageShape image, RandomStream stream, double keep);
}

using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Only a random rectangle is seen, or everything but one: two distinct cut points per axis, uniform.</summary>
/// <param name="missing">Whether the rectangle is what is missing.</param>
public sealed class BoxFamily(bool missing) : DegradationFamily
{
    /// <inheritdoc/>
    public override string Name => missing ? "missing-box" : "box";

    /// <inheritdoc/>
    public override LinearOperator Draw(ImageShape image, IReadOnlyList<RandomStream> samples, RandomStream batch, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(samples);
        using var scope = NewDisposeScope();
        var masks = samples.Select(s => Mask(image, CutPoints(s, image.Width), CutPoints(s, image.Height), missing));
        return new MaskOperator(image, Stack(masks, 1, image.Height, image.Width, device));
    }

    /// <summary>A mask of one rectangle between two cut points per axis, given in any order.</summary>
    internal static float[] Mask(ImageShape image, (int A, int B) x, (int A, int B) y, bool missing)
    {
        var mask = new float[image.Height * image.Width];
        for (var row = 0; row < image.Height; row++)
        for (var column = 0; column < image.Width; column++)
        {
            var inside =
                column >= Math.Min(x.A, x.B) && column < Math.Max(x.A, x.B) && row >= Math.Min(y.A, y.B) && row < Math.Max(y.A, y.B);
            mask[row * image.Width + column] = inside != missing ? 1 : 0;
        }
        return mask;
    }

    // Two of the length + 1 edges, without replacement.
    private static (int, int) CutPoints(RandomStream stream, int length)
    {
        var first = stream.NextInt(0, length + 1);
        var second = stream.NextInt(0, length);
        return (first, second < first ? second : second + 1);
    }
}

using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>A random subset of square patches is seen. Patches at the border are cut where their side does not divide the image's.</summary>
public sealed class MissingPatchesFamily : DegradationFamily
{
    private const int MostAttempts = 1000;

    /// <summary>Smallest j of the patch side 2^j.</summary>
    public int MinSideLog2 { get; init; }

    /// <summary>Largest j of the patch side 2^j; null for log2 of the image's smaller side.</summary>
    public int? MaxSideLog2 { get; init; }

    /// <summary>A fixed patch side in pixels, in place of a drawn one.</summary>
    public int? Side { get; init; }

    /// <summary>Range of the probability with which a patch is kept.</summary>
    public (double Low, double High) Keep { get; init; } = (0, 0.1);

    /// <inheritdoc/>
    public override string Name => "patches";

    /// <inheritdoc/>
    public override LinearOperator Draw(ImageShape image, IReadOnlyList<RandomStream> samples, RandomStream batch, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(batch);
        if (Side > Math.Max(image.Height, image.Width))
            throw new ArgumentException(
                $"a patch of {Side} pixels a side is larger than the image of {image.Width}×{image.Height}; use a smaller size"
            );
        using var scope = NewDisposeScope();
        var masks = Shared ? DrawTogether(image, samples, batch) : [.. samples.Select(s => DrawOne(image, s))];
        return new MaskOperator(image, Stack(masks, 1, image.Height, image.Width, device));
    }

    /// <summary>The mask of one sample from one uniform number per patch: a patch below the probability is kept.</summary>
    internal static float[] Mask(ImageShape image, int side, double keep, ReadOnlySpan<float> uniforms)
    {
        var mask = new float[image.Height * image.Width];
        var perRow = Patches(image.Width, side);
        for (var y = 0; y < image.Height; y++)
        for (var x = 0; x < image.Width; x++)
            mask[y * image.Width + x] = uniforms[y / side * perRow + x / side] < keep ? 1 : 0;
        return mask;
    }

    // A sample that keeps nothing is drawn again. A probability too small for that keeps one patch, which is the limit of such draws.
    private float[] DrawOne(ImageShape image, RandomStream stream)
    {
        for (var attempt = 0; attempt < MostAttempts; attempt++)
        {
            var mask = Mask(image, stream, DrawSide(image, stream), stream.NextUniform(Keep.Low, Keep.High));
            if (mask.Contains(1))
                return mask;
        }
        var side = DrawSide(image, stream);
        var uniforms = new float[Patches(image.Height, side) * Patches(image.Width, side)];
        Array.Fill(uniforms, 1);
        uniforms[stream.NextInt(0, uniforms.Length)] = 0;
        return Mask(image, side, 0.5, uniforms);
    }

    // The public way: one side and one probability for the batch, all drawn again until every sample keeps something.
    private float[][] DrawTogether(ImageShape image, IReadOnlyList<RandomStream> samples, RandomStream batch)
    {
        for (var attempt = 0; attempt < MostAttempts; attempt++)
        {
            var (side, keep) = (DrawSide(image, batch), batch.NextUniform(Keep.Low, Keep.High));
            float[][] masks = [.. samples.Select(s => Mask(image, s, side, keep))];
            if (masks.All(m => m.Contains(1)))
                return masks;
        }
        return [.. samples.Select(s => DrawOne(image, s))];
    }

    private int DrawSide(ImageShape image, RandomStream stream)
    {
        var smaller = Math.Min(image.Height, image.Width);
        return Side ?? PowerOfTwo(stream, MinSideLog2, MaxSideLog2 ?? (int)Math.Log2(smaller), side => side <= smaller);
    }

    private static float[] Mask(ImageShape image, RandomStream stream, int side, double keep)
    {
        var uniforms = new float[Patches(image.Height, side) * Patches(image.Width, side)];
        stream.FillUniform(uniforms);
        return Mask(image, side, keep, uniforms);
    }

    private static int Patches(int length, int side) => (length + side - 1) / side;
}

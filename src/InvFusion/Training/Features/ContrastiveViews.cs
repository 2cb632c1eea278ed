using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Training.Features;

/// <summary>Random views of images: what they have in common is what the features are to keep.</summary>
/// <remarks>
/// Part of the image, mirrored or not, in other colours. Neither blur nor noise nor holes are among them: features that overlooked these would make a distance that is blind to what
/// restorations do wrong.
/// </remarks>
internal static class ContrastiveViews
{
    private const double SmallestArea = 0.4;
    private const double GreyShare = 0.2;

    /// <summary>One view of each image, a function of the image and its stream alone.</summary>
    /// <param name="images"><c>[B, 3, h, w]</c> in [-1, 1].</param>
    /// <param name="streams">One for each image.</param>
    public static Tensor Draw(Tensor images, IReadOnlyList<RandomStream> streams)
    {
        using var scope = NewDisposeScope();
        var (affine, colours) = (new float[6 * streams.Count], new float[6 * streams.Count]);
        for (var i = 0; i < streams.Count; i++)
        {
            DrawCrop(streams[i], affine.AsSpan(6 * i, 6));
            DrawColours(streams[i], colours.AsSpan(6 * i, 6));
        }
        var grid = nn.functional.affine_grid(tensor(affine).to(images.device).view(-1, 2, 3), images.shape, align_corners: false);
        var x = nn.functional.grid_sample(images, grid, GridSampleMode.Bilinear, GridSamplePaddingMode.Border, align_corners: false);
        return Recolour(x, tensor(colours).to(images.device).view(-1, 6)).MoveToOuterDisposeScope();
    }

    // The rows of the map from a place in the view to a place in the image, both in [-1, 1].
    private static void DrawCrop(RandomStream stream, Span<float> map)
    {
        var side = Math.Sqrt(stream.NextUniform(SmallestArea, 1));
        var aspect = Math.Exp(stream.NextUniform(-0.15, 0.15));
        var (width, height) = (Math.Min(side * aspect, 1), Math.Min(side / aspect, 1));
        var mirror = stream.NextUniform() < 0.5 ? -1 : 1;
        map[0] = (float)(mirror * width);
        map[2] = (float)stream.NextUniform(width - 1, 1 - width + 1e-9);
        map[4] = (float)height;
        map[5] = (float)stream.NextUniform(height - 1, 1 - height + 1e-9);
    }

    // Gains of the channels, saturation, contrast, brightness.
    private static void DrawColours(RandomStream stream, Span<float> values)
    {
        for (var c = 0; c < 3; c++)
            values[c] = (float)stream.NextUniform(0.85, 1.15);
        var saturation = stream.NextUniform(0.4, 1.6);
        values[3] = stream.NextUniform() < GreyShare ? 0 : (float)saturation;
        values[4] = (float)stream.NextUniform(0.6, 1.4);
        values[5] = (float)stream.NextUniform(-0.3, 0.3);
    }

    private static Tensor Recolour(Tensor x, Tensor values)
    {
        Tensor Value(int index, int count = 1) => values.narrow(1, index, count).view(-1, count, 1, 1);

        var grey = x.mean([1], keepdim: true);
        x = (grey + (x - grey) * Value(3)) * Value(0, 3);
        var mean = x.mean([1, 2, 3], keepdim: true);
        return mean + (x - mean) * Value(4) + Value(5);
    }
}

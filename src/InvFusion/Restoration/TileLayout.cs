using InvFusion.Degradations;
using static TorchSharp.torch;

namespace InvFusion.Restoration;

/// <summary>Overlapping square windows that cover a picture, and how images of them become one.</summary>
internal sealed class TileLayout
{
    private readonly ImageShape _image;
    private readonly int _overlap;

    /// <summary>Covers a picture; the last window of a row or column is moved inward.</summary>
    /// <param name="image">The picture, no side of which is below that of a tile.</param>
    /// <param name="side">Side of a tile in pixels.</param>
    /// <param name="overlap">What neighbours share at least, in pixels.</param>
    /// <param name="step">Windows start and end at multiples of this.</param>
    /// <exception cref="ConfigurationException">That cannot be.</exception>
    public TileLayout(ImageShape image, int side, int overlap, int step)
    {
        if (overlap < 0 || side - overlap < step)
            throw new ConfigurationException($"--overlap {overlap}: must be 0 to {side - step}, for tiles of {side} pixels");
        if (side % step != 0 || image.Height % step != 0 || image.Width % step != 0)
            throw new ConfigurationException($"--tiles: tiles of {side} pixels in a {image} image do not fall into blocks of {step}");
        if (image.Height < side || image.Width < side)
            throw new ConfigurationException($"--tiles: the image is {image}, smaller than a tile of {side} pixels");
        (_image, _overlap) = (image, overlap);
        var stride = (side - overlap) / step * step;
        Windows =
        [
            .. from top in Starts(image.Height, side, stride)
            from left in Starts(image.Width, side, stride)
            select new ImageWindow(top, left, side, side),
        ];
    }

    private TileLayout(ImageShape image) => (_image, Windows) = (image, [new(0, 0, image.Height, image.Width)]);

    /// <summary>From the top left to the bottom right.</summary>
    public IReadOnlyList<ImageWindow> Windows { get; }

    /// <summary>One window: all of a picture.</summary>
    public static TileLayout Whole(ImageShape image) => new(image);

    /// <summary>Images of the windows <c>[K, C, side, side]</c> → <c>[K, C, H, W]</c>, blended where they overlap by weights that fall linearly to the edges.</summary>
    public Tensor Blend(IReadOnlyList<Tensor> tiles)
    {
        if (tiles.Count == 1)
            return tiles[0].alias();
        using var scope = NewDisposeScope();
        var first = tiles[0];
        var ramp = Ramp((int)first.shape[^1], first.device);
        var weight = ramp.unsqueeze(1) * ramp.unsqueeze(0); // [side, side]
        var sum = zeros([first.shape[0], first.shape[1], _image.Height, _image.Width], dtype: ScalarType.Float64, device: first.device);
        var weights = zeros([_image.Height, _image.Width], dtype: ScalarType.Float64, device: first.device);
        foreach (var (tile, window) in tiles.Zip(Windows))
        {
            Part(sum, window).add_(tile * weight);
            Part(weights, window).add_(weight);
        }
        return (sum / weights).to_type(first.dtype).MoveToOuterDisposeScope();

        static Tensor Part(Tensor whole, ImageWindow w) => whole.narrow(-2, w.Top, w.Height).narrow(-1, w.Left, w.Width);
    }

    // 1/(o+1), …, o/(o+1), 1, …, 1, o/(o+1), …, 1/(o+1): two neighbours that share o pixels add up to 1.
    private Tensor Ramp(int side, Device device)
    {
        var distance = arange(1, side + 1, dtype: ScalarType.Float64, device: device);
        return (minimum(distance, distance.flip(0)) / (_overlap + 1)).clamp_max(1);
    }

    private static IEnumerable<int> Starts(int length, int side, int stride)
    {
        for (var start = 0; start + side < length; start += stride)
            yield return start;
        yield return length - side;
    }
}

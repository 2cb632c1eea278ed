namespace InvFusion.Imaging;

/// <summary>Pictures side by side, without text.</summary>
public static class ImageGrid
{
    /// <summary>Lays images of one size out in rows.</summary>
    /// <param name="images">At least one; all of the same size.</param>
    /// <param name="columns">Images of a row; 0 makes the grid about square.</param>
    /// <param name="gap">White pixels between images.</param>
    /// <exception cref="ArgumentException">There is no image, or sizes differ.</exception>
    public static RgbImage Tile(IReadOnlyList<RgbImage> images, int columns = 0, int gap = 2)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentOutOfRangeException.ThrowIfNegative(gap);
        if (images.Count == 0)
            throw new ArgumentException("a grid needs an image", nameof(images));
        var (width, height) = (images[0].Width, images[0].Height);
        if (images.Any(image => image.Width != width || image.Height != height))
            throw new ArgumentException("the images of a grid have one size", nameof(images));
        columns = Math.Min(columns > 0 ? columns : (int)Math.Ceiling(Math.Sqrt(images.Count)), images.Count);
        var rows = (images.Count + columns - 1) / columns;
        var canvas = new Canvas(columns * (width + gap) - gap, rows * (height + gap) - gap, new Rgb(255, 255, 255));
        for (var i = 0; i < images.Count; i++)
            canvas.Draw(images[i], i % columns * (width + gap), i / columns * (height + gap));
        return canvas.Image;
    }
}

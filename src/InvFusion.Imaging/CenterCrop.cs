namespace InvFusion.Imaging;

/// <summary>Square images from the centre of larger or smaller ones.</summary>
public static class CenterCrop
{
    /// <summary>The square image of the given size, in the given way.</summary>
    /// <param name="image">Any size.</param>
    /// <param name="size">Side of the result.</param>
    /// <param name="mode">How.</param>
    public static RgbImage Apply(RgbImage image, int size, CropMode mode) =>
        mode switch
        {
            CropMode.Adm => Adm(image, size),
            CropMode.Lanczos => Square(image, size, ResampleFilter.Lanczos),
            CropMode.Box => Square(image, size, ResampleFilter.Box),
            CropMode.Bicubic => Square(image, size, ResampleFilter.Bicubic),
            _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, "unknown crop mode"),
        };

    /// <summary>The crop of ADM (Dhariwal and Nichol 2021): box halvings, cubic resize of the short side, centre crop.</summary>
    /// <param name="image">Any size; a smaller one is enlarged.</param>
    /// <param name="size">Side of the result.</param>
    public static RgbImage Adm(RgbImage image, int size)
    {
        image = HalveWithBox(image, size);
        var scale = (double)size / Math.Min(image.Width, image.Height);
        // Python's round: halves go to the even neighbour, as Math.Round does.
        image = Resampler.Resize(
            image,
            (int)Math.Round(image.Width * scale),
            (int)Math.Round(image.Height * scale),
            ResampleFilter.Bicubic
        );
        return image.Crop((image.Width - size) / 2, (image.Height - size) / 2, size, size);
    }

    /// <summary>Crops the largest central square and resizes it.</summary>
    /// <param name="image">Any size.</param>
    /// <param name="size">Side of the result.</param>
    /// <param name="filter">The kernel.</param>
    public static RgbImage Square(RgbImage image, int size, ResampleFilter filter)
    {
        ArgumentNullException.ThrowIfNull(image);
        var side = Math.Min(image.Width, image.Height);
        var square = image.Width == image.Height ? image : image.Crop((image.Width - side) / 2, (image.Height - side) / 2, side, side);
        return Resampler.Resize(square, size, size, filter);
    }

    /// <summary>Halves with the box filter while the short side is at least twice <paramref name="size"/>.</summary>
    internal static RgbImage HalveWithBox(RgbImage image, int size)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        while (Math.Min(image.Width, image.Height) >= 2 * size)
            image = Resampler.Resize(image, image.Width / 2, image.Height / 2, ResampleFilter.Box);
        return image;
    }
}

using InvFusion.Imaging;

namespace InvFusion.Data;

/// <summary>A source as a set of one size: every image is decoded, cropped and resized when it is read.</summary>
/// <param name="source">The images; disposed with the set.</param>
/// <param name="size">Side of the squares.</param>
/// <param name="crop">How an image becomes a square.</param>
/// <param name="channels">3, or 1 for grey.</param>
public sealed class ResizedSet(IImageSource source, int size, CropMode crop = CropMode.Adm, int channels = 3) : IImageSet
{
    /// <inheritdoc/>
    public int Count => source.Count;

    /// <inheritdoc/>
    public int Channels { get; } =
        channels is 1 or 3
            ? channels
            : throw new ConfigurationException(
                $"channels {channels}: must be 3 (RGB) or 1 (grey); latents come from 'dataset prepare --autoencoder'"
            );

    /// <inheritdoc/>
    public int Size { get; } = size >= 1 ? size : throw new ConfigurationException($"size {size}: must be at least 1");

    /// <inheritdoc/>
    public IReadOnlyList<string> Names => source.Names;

    /// <inheritdoc/>
    public IReadOnlyList<string> Skipped => source.Skipped;

    /// <inheritdoc/>
    public int ClassCount => source.ClassCount;

    /// <inheritdoc/>
    public int Label(int index) => source.Label(index);

    /// <inheritdoc/>
    public ImageOrigin Origin =>
        new(Path.GetFileName(Path.TrimEndingDirectorySeparator(source.Description)), crop.ToString(), source.FileLength);

    /// <inheritdoc/>
    public void Read(int index, Span<byte> planes)
    {
        var image = source.Use(index, whole => CenterCrop.Apply(whole, Size, crop));
        (Channels == 1 ? image.ToGrey() : image).CopyPlanarTo(planes);
    }

    /// <inheritdoc/>
    public void Dispose() => source.Dispose();
}

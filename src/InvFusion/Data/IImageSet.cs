using InvFusion.Autoencoding;

namespace InvFusion.Data;

/// <summary>Square images of one size, ready for training: pixels, or the latents of pictures.</summary>
/// <remarks>All members may be used from several threads at once.</remarks>
public interface IImageSet : IDisposable
{
    /// <summary>Number of images.</summary>
    int Count { get; }

    /// <summary>3 (RGB) or 1 (grey); of latents the channels of the autoencoder.</summary>
    int Channels { get; }

    /// <summary>Side of an image.</summary>
    int Size { get; }

    /// <summary>The names of the images.</summary>
    IReadOnlyList<string> Names { get; }

    /// <summary>Number of classes; 0 without labels.</summary>
    int ClassCount { get; }

    /// <summary>The class of an image, or -1 without labels.</summary>
    int Label(int index);

    /// <summary>Files of the source that are no images; none where nothing is known of them.</summary>
    IReadOnlyList<string> Skipped => [];

    /// <summary>Where the images come from, for a <see cref="Manifest"/>.</summary>
    ImageOrigin Origin => ImageOrigin.Unknown;

    /// <summary>What the latents are of; null for a set of pixels.</summary>
    LatentDescription? Latents => null;

    /// <summary>Copies what is stored of an image; <see cref="ImageValues.ReadValues"/> gives numbers.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    /// <param name="planes">
    /// Receives the pixels <c>[Channels, Size, Size]</c>, or of a latent means and standard deviations <c>[2·Channels, Size, Size]</c>, float32 in little endian.
    /// </param>
    /// <exception cref="DataFormatException">The image cannot be read; the message names it.</exception>
    void Read(int index, Span<byte> planes);
}

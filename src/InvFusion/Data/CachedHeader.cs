using System.Text.Json.Serialization;
using InvFusion.Autoencoding;

namespace InvFusion.Data;

/// <summary>What a cached set says about itself.</summary>
public sealed record CachedHeader
{
    private readonly long[]? _fileBytes;

    /// <summary>Number of images.</summary>
    public required int Count { get; init; }

    /// <summary>3 (RGB) or 1 (grey); of latents the channels of the autoencoder.</summary>
    public required int Channels { get; init; }

    /// <summary>Side of an image, of latents in their own numbers.</summary>
    public required int Size { get; init; }

    /// <summary>How images became squares, a name of <see cref="Imaging.CropMode"/>.</summary>
    public required string Crop { get; init; }

    /// <summary>SHA-256 of the pixels, in hexadecimal.</summary>
    public required string Sha256 { get; init; }

    /// <summary>File or folder name of the source, without its path.</summary>
    public required string Source { get; init; }

    /// <summary>Names of the images in the source.</summary>
    public required string[] Names { get; init; }

    /// <summary>Bytes of the file of each image; empty in files of before.</summary>
    public long[] FileBytes
    {
        get => _fileBytes ?? []; // what the file leaves out is set to null, whatever it was initialised with
        init => _fileBytes = value;
    }

    /// <summary>Class of each image; empty without labels.</summary>
    public required int[] Labels { get; init; }

    /// <summary>Number of classes; 0 without labels.</summary>
    public required int ClassCount { get; init; }

    /// <summary>Files of the source that are no images.</summary>
    public required string[] Skipped { get; init; }

    /// <summary>Images of the source that could not be read and were left out.</summary>
    public required string[] Broken { get; init; }

    /// <summary>What the latents are of; null, and not in the file, for a set of pixels.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LatentDescription? Latents { get; init; }

    private long ImageBytes => (long)Channels * Size * Size * (Latents is null ? 1 : 2 * sizeof(float));

    /// <summary>Whether the numbers fit each other and the given number of bytes of pixels.</summary>
    internal bool Fits(long pixelBytes) =>
        Count > 0
        && (Latents is null ? Channels is 1 or 3 : Latents.IsValid && Channels == Latents.Mean.Length && Channels <= 64)
        && Size > 0
        && Size <= (Latents is null ? 16384 : 1024)
        && ImageBytes * Count == pixelBytes
        && Names.Length == Count
        && (FileBytes.Length == Count || FileBytes.Length == 0)
        && (Labels.Length == Count ? Labels.All(k => k >= 0 && k < ClassCount) : Labels.Length == 0 && ClassCount == 0);
}

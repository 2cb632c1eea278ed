namespace InvFusion.Data;

/// <summary>What a cached set says about itself.</summary>
public sealed record CachedHeader
{
    /// <summary>Number of images.</summary>
    public required int Count { get; init; }

    /// <summary>3 (RGB) or 1 (grey).</summary>
    public required int Channels { get; init; }

    /// <summary>Side of an image.</summary>
    public required int Size { get; init; }

    /// <summary>How images became squares, a name of <see cref="Imaging.CropMode"/>.</summary>
    public required string Crop { get; init; }

    /// <summary>SHA-256 of the pixels, in hexadecimal.</summary>
    public required string Sha256 { get; init; }

    /// <summary>File or folder name of the source, without its path.</summary>
    public required string Source { get; init; }

    /// <summary>Names of the images in the source.</summary>
    public required string[] Names { get; init; }

    /// <summary>Class of each image; empty without labels.</summary>
    public required int[] Labels { get; init; }

    /// <summary>Number of classes; 0 without labels.</summary>
    public required int ClassCount { get; init; }

    /// <summary>Files of the source that are no images.</summary>
    public required string[] Skipped { get; init; }

    /// <summary>Images of the source that could not be read and were left out.</summary>
    public required string[] Broken { get; init; }

    /// <summary>Bytes of one image.</summary>
    internal int ImageBytes => Channels * Size * Size;

    /// <summary>Whether the numbers fit each other and the given number of bytes of pixels.</summary>
    internal bool Fits(long pixelBytes) =>
        Count > 0
        && Channels is 1 or 3
        && Size is > 0 and <= 16384
        && (long)ImageBytes * Count == pixelBytes
        && Names.Length == Count
        && (Labels.Length == Count ? Labels.All(k => k >= 0 && k < ClassCount) : Labels.Length == 0 && ClassCount == 0);
}

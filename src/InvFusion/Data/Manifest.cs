using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using InvFusion.Formats.IO;

namespace InvFusion.Data;

/// <summary>Which images a prepared set holds, or a result was made of (<see cref="ResultManifest"/>).</summary>
public sealed record Manifest
{
    /// <summary>What the name of a manifest ends in.</summary>
    public const string Extension = ".manifest.json";

    /// <summary>File or folder name of the source, without its path.</summary>
    public required string Source { get; init; }

    /// <summary>Number of images.</summary>
    public required int Count { get; init; }

    /// <summary>3 (RGB) or 1 (grey).</summary>
    public required int Channels { get; init; }

    /// <summary>Side of the images as they were used.</summary>
    public required int Size { get; init; }

    /// <summary>How images became squares, a name of <see cref="Imaging.CropMode"/>; empty where they were squares.</summary>
    public required string Crop { get; init; }

    /// <summary>SHA-256 of the pixels (or latents) as used, image after image, in hexadecimal; a prepared set and the folder it was made of give the same.</summary>
    public required string Sha256 { get; init; }

    /// <summary>The names of the images, in the order of their use.</summary>
    public required string[] Names { get; init; }

    /// <summary>Bytes of the file of each image; -1 where it is not known.</summary>
    public required long[] FileBytes { get; init; }

    /// <summary>Class of each image; empty without labels.</summary>
    public required int[] Labels { get; init; }

    /// <summary>Files of the source that are no images.</summary>
    public string[] Skipped { get; init; } = [];

    /// <summary>Images that could not be read and were left out.</summary>
    public string[] Broken { get; init; } = [];

    /// <summary>The manifest of a prepared set.</summary>
    public static Manifest Of(CachedHeader header)
    {
        ArgumentNullException.ThrowIfNull(header);
        return new()
        {
            Source = header.Source,
            Count = header.Count,
            Channels = header.Channels,
            Size = header.Size,
            Crop = header.Crop,
            Sha256 = header.Sha256,
            Names = header.Names,
            FileBytes = header.FileBytes,
            Labels = header.Labels,
            Skipped = header.Skipped,
            Broken = header.Broken,
        };
    }

    /// <summary>
    /// The manifest of some images of a set, in the given order. They are read once, for the checksum, on all cores: from a prepared set as fast as they are hashed, from
    /// a folder as fast as they are decoded. Nothing but names, lengths and labels is kept of them.
    /// </summary>
    /// <param name="set">The set.</param>
    /// <param name="indices">Which images; all, in the order of the set, when null.</param>
    /// <param name="progress">Told after each image.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="DataFormatException">An image cannot be read; the message names it.</exception>
    public static Manifest Of(
        IImageSet set,
        IReadOnlyList<int>? indices = null,
        IProgress<DataProgress>? progress = null,
        CancellationToken cancellation = default
    )
    {
        ArgumentNullException.ThrowIfNull(set);
        var used = indices ?? [.. Enumerable.Range(0, set.Count)];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var done = 0;
        foreach (var (_, stored, error) in ParallelReader.Read(set, used, cancellation))
        {
            if (error is not null)
                throw new DataFormatException(error);
            hash.AppendData(stored.Span);
            progress?.Report(new DataProgress(++done, used.Count));
        }
        var origin = set.Origin;
        return new()
        {
            Source = origin.Source,
            Count = used.Count,
            Channels = set.Channels,
            Size = set.Size,
            Crop = origin.Crop,
            Sha256 = Convert.ToHexStringLower(hash.GetHashAndReset()),
            Names = [.. used.Select(i => set.Names[i])],
            FileBytes = [.. used.Select(origin.FileLength)],
            Labels = set.ClassCount == 0 ? [] : [.. used.Select(set.Label)],
        };
    }

    /// <summary>What tells these images from others, in one line: source, number, shape and checksum.</summary>
    [JsonIgnore]
    public string Summary => $"{Source}, {Count} images of {Channels}x{Size}x{Size}, SHA-256 {Sha256}";

    /// <summary>The manifest as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, DataJson.Default.Manifest);

    /// <summary>Writes it atomically, as JSON.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFormatException">The file cannot be written.</exception>
    public void Save(string path) => AtomicFile.WriteAllText(path, ToJson() + "\n");

    /// <summary>Reads a manifest.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFormatException">It is missing or no manifest.</exception>
    public static Manifest Load(string path) => DataJson.Read(path, DataJson.Default.Manifest, "manifest");
}

using System.Security.Cryptography;
using System.Text.Json;
using InvFusion.Formats.IO;

namespace InvFusion.Data;

/// <summary>What images a result was made of: to be saved beside it.</summary>
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

    /// <summary>The manifest of some images of a set, in the given order; they are read once, for the checksum.</summary>
    /// <param name="set">The set.</param>
    /// <param name="indices">Which images; all, in the order of the set, when null.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="DataFormatException">An image cannot be read; the message names it.</exception>
    public static Manifest Of(IImageSet set, IReadOnlyList<int>? indices = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(set);
        var used = indices ?? [.. Enumerable.Range(0, set.Count)];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var image = new byte[set.StoredBytes()];
        foreach (var index in used)
        {
            cancellation.ThrowIfCancellationRequested();
            set.Read(index, image);
            hash.AppendData(image);
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

    /// <summary>The manifest as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, DataJson.Default.Manifest);

    /// <summary>Writes it atomically, as JSON.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFormatException">The file cannot be written.</exception>
    public void Save(string path) => AtomicFile.WriteAllText(path, ToJson() + "\n");

    /// <summary>Reads a manifest.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFormatException">It is missing or no manifest.</exception>
    public static Manifest Load(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), DataJson.Default.Manifest)
                ?? throw new DataFormatException($"{path}: is not a manifest");
        }
        catch (JsonException e)
        {
            throw new DataFormatException($"{path}: is not a manifest ({e.Message.ReplaceLineEndings(" ")})", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFormatException($"{path}: cannot be read ({e.Message.TrimEnd('.')})", e);
        }
    }
}

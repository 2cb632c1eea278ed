using System.Buffers.Binary;
using System.Security.Cryptography;
using InvFusion.Configuration;
using InvFusion.Data;
using InvFusion.Formats.IO;

namespace InvFusion.Training;

/// <summary>What a run is trained on, kept in its folder: a set may move, and another one may not take its place.</summary>
internal sealed record TrainingData
{
    private const string FileName = "data.json";
    private const int MostImages = 1024; // that are read of a set without a checksum of its own

    /// <summary>Where the set was.</summary>
    public required string Path { get; init; }

    /// <summary>Number of images.</summary>
    public required int Count { get; init; }

    /// <summary>
    /// SHA-256 of shape, labels and pixels: of all pixels where the set is prepared and has their checksum, else of up to a thousand images spread over the set.
    /// </summary>
    public required string Sha256 { get; init; }

    /// <summary>Describes a set.</summary>
    /// <exception cref="DataFormatException">An image cannot be read; the message names it.</exception>
    public static TrainingData Of(string path, IImageSet set)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add(set.Channels, set.Size, set.Count, set.ClassCount, set.Latents is null ? 0 : 1);
        if (set.ClassCount > 0)
            for (var i = 0; i < set.Count; i++)
                Add(set.Label(i));
        if (set is CachedDataset cached)
            hash.AppendData(Convert.FromHexString(cached.Header.Sha256));
        else
        {
            var read = Math.Min(set.Count, MostImages);
            int[] indices = [.. Enumerable.Range(0, read).Select(i => (int)((long)i * set.Count / read))];
            foreach (var (_, stored, error) in ParallelReader.Read(set, indices, CancellationToken.None))
                hash.AppendData(error is null ? stored.Span : throw new DataFormatException(error));
        }
        return new()
        {
            Path = path,
            Count = set.Count,
            Sha256 = Convert.ToHexStringLower(hash.GetHashAndReset()),
        };

        void Add(params ReadOnlySpan<int> numbers)
        {
            Span<byte> bytes = stackalloc byte[sizeof(int)];
            foreach (var number in numbers)
            {
                BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
                hash.AppendData(bytes);
            }
        }
    }

    /// <summary>That of the run in a folder; null in runs of versions that kept none.</summary>
    /// <exception cref="ConfigurationException">It cannot be read.</exception>
    public static TrainingData? Load(string folder)
    {
        var file = System.IO.Path.Combine(folder, FileName);
        return File.Exists(file) ? ConfigurationJson.Read<TrainingData>(File.ReadAllText(file), file) : null;
    }

    /// <summary>Writes it into the folder of a run.</summary>
    public void Save(string folder) => AtomicFile.WriteAllText(System.IO.Path.Combine(folder, FileName), ConfigurationJson.Write(this));

    /// <summary>Refuses another set than this one.</summary>
    /// <exception cref="ConfigurationException">The images are others; the message says where those of the run were.</exception>
    public void Require(TrainingData now, string folder)
    {
        if (now.Sha256 != Sha256)
            throw new ConfigurationException(
                $"{folder}: the images of {now.Path} ({now.Count}, SHA-256 {now.Sha256[..8]}) are not those that the run was started with ({Path}: {Count}, {Sha256[..8]}); put those back, name their new place with --data, or start in a new folder"
            );
    }
}

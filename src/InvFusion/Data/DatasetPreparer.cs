using System.Security.Cryptography;
using System.Text.Json;
using InvFusion.Formats.IO;

namespace InvFusion.Data;

/// <summary>Decodes, crops and resizes a source once, and encodes it where latents are wanted, into the file that <see cref="CachedDataset"/> reads.</summary>
public static class DatasetPreparer
{
    /// <summary>Writes the cached form of a source; the file appears when it is complete. The same source gives the same bytes.</summary>
    /// <param name="source">The images.</param>
    /// <param name="path">The file to write.</param>
    /// <param name="options">Size and ways.</param>
    /// <param name="progress">Told after each image.</param>
    /// <param name="cancellation">Ends the work; nothing is left behind.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="DataFormatException">Images are broken (all are found, the message names the first ones), or the file cannot be written.</exception>
    public static CachedHeader Prepare(
        IImageSource source,
        string path,
        PrepareOptions options,
        IProgress<DataProgress>? progress = null,
        CancellationToken cancellation = default
    )
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(options);
        CachedHeader? header = null;
        AtomicFile.Write(path, stream => header = Write(source, stream, options, progress, cancellation));
        return header!;
    }

    private static CachedHeader Write(
        IImageSource source,
        Stream stream,
        PrepareOptions options,
        IProgress<DataProgress>? progress,
        CancellationToken cancellation
    )
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var latents = options.Latents is { } wanted ? new LatentWriter(wanted, options.Channels, options.Size) : null;
        stream.Position = CachedLayout.PixelOffset;
        var written = new List<int>(source.Count);
        var broken = new List<BrokenImage>();
        // Not disposed: the source is the caller's.
        var set = new ResizedSet(source, options.Size, options.Crop, options.Channels);
        foreach (var (index, pixels, error) in ParallelReader.Read(set, [.. Enumerable.Range(0, source.Count)], cancellation))
        {
            progress?.Report(new DataProgress(index + 1, source.Count));
            if (error is not null)
            {
                broken.Add(new BrokenImage(source.Names[index], error));
                continue;
            }
            var stored = latents?.Encode(pixels) ?? pixels;
            stream.Write(stored.Span);
            hash.AppendData(stored.Span);
            written.Add(index);
        }
        RefuseBroken(source, options, broken, written.Count);
        var header = Describe(source, options, written, broken, Convert.ToHexStringLower(hash.GetHashAndReset()));
        if (options.Latents is { Autoencoder.Configuration: var c })
            header = header with { Channels = c.LatentChannels, Size = options.Size / c.Factor, Latents = latents!.Describe() };
        var pixelBytes = stream.Position - CachedLayout.PixelOffset;
        var json = JsonSerializer.SerializeToUtf8Bytes(header, DataJson.Default.CachedHeader);
        stream.Write(json);
        stream.Position = 0;
        stream.Write(
            new CachedLayout(
                header.Latents is null ? CachedLayout.Pixels : CachedLayout.Latents,
                pixelBytes,
                json.Length,
                SHA256.HashData(json)
            ).ToBytes()
        );
        return header;
    }

    private static void RefuseBroken(IImageSource source, PrepareOptions options, List<BrokenImage> broken, int written)
    {
        if (broken.Count == 0 || (options.LeaveOutBroken && written > 0))
            return;
        var names = string.Join(", ", broken.Take(5).Select(b => Names.Shown(b.Name))) + (broken.Count > 5 ? ", ..." : "");
        var wayOut = written > 0 ? "repair or remove them, or leave out broken images" : "no image is left";
        throw new DataFormatException(
            $"{source.Description}: {broken.Count} of {source.Count} images cannot be read: {names} (first: {broken[0].Reason}); {wayOut}"
        );
    }

    private static CachedHeader Describe(
        IImageSource source,
        PrepareOptions options,
        List<int> written,
        List<BrokenImage> broken,
        string sha256
    ) =>
        new()
        {
            Count = written.Count,
            Channels = options.Channels,
            Size = options.Size,
            Crop = options.Crop.ToString(),
            Sha256 = sha256,
            Source = Path.GetFileName(Path.TrimEndingDirectorySeparator(source.Description)),
            Names = [.. written.Select(i => source.Names[i])],
            FileBytes = [.. written.Select(source.FileLength)],
            Labels = source.ClassCount == 0 ? [] : [.. written.Select(source.Label)],
            ClassCount = source.ClassCount,
            Skipped = [.. source.Skipped],
            Broken = [.. broken.Select(b => b.Name)],
        };
}

using System.IO.MemoryMappedFiles;
using System.Security.Cryptography;
using System.Text.Json;
using InvFusion.Autoencoding;

namespace InvFusion.Data;

/// <summary>A prepared set in one file, mapped into memory: nothing is decoded when it is read.</summary>
public sealed class CachedDataset : IImageSet
{
    private readonly string _path;
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _pixels;

    private CachedDataset(string path, CachedHeader header, MemoryMappedFile file, MemoryMappedViewAccessor pixels) =>
        (_path, Header, _file, _pixels) = (path, header, file, pixels);

    /// <summary>What the file says about itself.</summary>
    public CachedHeader Header { get; }

    /// <inheritdoc/>
    public int Count => Header.Count;

    /// <inheritdoc/>
    public int Channels => Header.Channels;

    /// <inheritdoc/>
    public int Size => Header.Size;

    /// <inheritdoc/>
    public LatentDescription? Latents => Header.Latents;

    /// <inheritdoc/>
    public IReadOnlyList<string> Names => Header.Names;

    /// <inheritdoc/>
    public int ClassCount => Header.ClassCount;

    /// <inheritdoc/>
    public ImageOrigin Origin => new(Header.Source, Header.Crop, index => Header.FileBytes.Length > 0 ? Header.FileBytes[index] : -1);

    /// <summary>Opens a file that <see cref="DatasetPreparer"/> wrote. The header is checked; for the pixels call <see cref="Verify"/>.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFormatException">It is missing, no cached set, truncated or damaged.</exception>
    public static CachedDataset Open(string path)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            var (layout, header) = ReadHeader(stream, path);
            var file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
            var view = file.CreateViewAccessor(CachedLayout.PixelOffset, layout.PixelBytes, MemoryMappedFileAccess.Read);
            return new CachedDataset(path, header, file, view);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new DataFormatException($"{path}: no such file", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFormatException($"{path}: cannot be read ({e.Message.TrimEnd('.')})", e);
        }
    }

    /// <summary>Whether a file starts as a cached set does.</summary>
    /// <param name="path">Any file; a missing one is none.</param>
    public static bool IsCached(string path)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            return CachedLayout.HasMagic(ReadPrefix(stream));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public int Label(int index) => Header.Labels.Length == 0 ? -1 : Header.Labels[index];

    /// <inheritdoc/>
    public void Read(int index, Span<byte> planes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        if (planes.Length != this.StoredBytes())
            throw new ArgumentException($"{planes.Length} bytes are not the {this.StoredBytes()} of an image", nameof(planes));
        var view = _pixels.SafeMemoryMappedViewHandle;
        view.ReadSpan((ulong)(_pixels.PointerOffset + (long)index * planes.Length), planes);
    }

    /// <summary>Holds all pixels against their checksum.</summary>
    /// <param name="cancellation">Ends the check early.</param>
    /// <exception cref="DataFormatException">They are not those that were written.</exception>
    public void Verify(CancellationToken cancellation = default)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var image = new byte[this.StoredBytes()];
        for (var i = 0; i < Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            Read(i, image);
            hash.AppendData(image);
        }
        if (!Convert.ToHexStringLower(hash.GetHashAndReset()).Equals(Header.Sha256, StringComparison.Ordinal))
            throw new DataFormatException($"{_path}: its content is damaged (checksum); prepare it anew");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pixels.Dispose();
        _file.Dispose();
    }

    private static (CachedLayout Layout, CachedHeader Header) ReadHeader(FileStream stream, string path)
    {
        var layout = CachedLayout.Parse(ReadPrefix(stream), stream.Length, path);
        var json = new byte[layout.HeaderBytes];
        stream.Position = CachedLayout.PixelOffset + layout.PixelBytes;
        stream.ReadExactly(json);
        if (!SHA256.HashData(json).AsSpan().SequenceEqual(layout.HeaderHash))
            throw new DataFormatException($"{path}: its header is damaged (checksum); prepare it anew");
        var header = Parse(json);
        return header is not null && header.Fits(layout.PixelBytes) && (header.Latents is null) == (layout.Version == CachedLayout.Pixels)
            ? (layout, header)
            : throw new DataFormatException($"{path}: its header does not describe its content; prepare it anew");
    }

    private static byte[] ReadPrefix(FileStream stream)
    {
        var prefix = new byte[CachedLayout.PrefixBytes];
        stream.ReadAtLeast(prefix, prefix.Length, throwOnEndOfStream: false);
        return prefix;
    }

    private static CachedHeader? Parse(byte[] json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, DataJson.Default.CachedHeader);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

using System.Security.Cryptography;
using System.Text.Json;
using InvFusion.Autoencoding;
using InvFusion.Formats.IO;

namespace InvFusion.Data;

/// <summary>A prepared set in one file: nothing is decoded when it is read.</summary>
/// <remarks>It is read and not mapped: a file that shrinks in use would end the process, and whoever reads it copies the pixels anyway.</remarks>
public sealed class CachedDataset : IImageSet
{
    private readonly string _path;
    private readonly FileStream _file;

    private CachedDataset(string path, CachedHeader header, FileStream file) => (_path, Header, _file) = (path, header, file);

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
            var stream = InputFile.OpenRead(path, bufferSize: 0);
            try
            {
                return new CachedDataset(path, ReadHeader(stream, path), stream);
            }
            catch
            {
                stream.Dispose();
                throw;
            }
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
            using var stream = InputFile.OpenRead(path);
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
        var position = CachedLayout.PixelOffset + (long)index * planes.Length;
        try
        {
            for (int done = 0, count; done < planes.Length; done += count)
            {
                count = RandomAccess.Read(_file.SafeFileHandle, planes[done..], position + done);
                if (count == 0)
                    throw new DataFormatException($"{_path}: was truncated while it was read (image {index} is gone); prepare it anew");
            }
        }
        catch (IOException e)
        {
            throw new DataFormatException($"{_path}: image {index} cannot be read ({e.Message.TrimEnd('.')})", e);
        }
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
    public void Dispose() => _file.Dispose();

    private static CachedHeader ReadHeader(FileStream stream, string path)
    {
        var layout = CachedLayout.Parse(ReadPrefix(stream), stream.Length, path);
        var json = new byte[layout.HeaderBytes];
        stream.Position = CachedLayout.PixelOffset + layout.PixelBytes;
        stream.ReadExactly(json);
        if (!SHA256.HashData(json).AsSpan().SequenceEqual(layout.HeaderHash))
            throw new DataFormatException($"{path}: its header is damaged (checksum); prepare it anew");
        var header = Parse(json);
        return header is not null && header.Fits(layout.PixelBytes) && (header.Latents is null) == (layout.Version == CachedLayout.Pixels)
            ? header
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

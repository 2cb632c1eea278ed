using System.Buffers.Binary;
using System.IO.Compression;
using InvFusion.Formats.IO;

namespace InvFusion.Data;

/// <summary>Square grey images of an IDX file, the format of MNIST and its successors, plain or gzip, with the labels of the file beside it.</summary>
public sealed class IdxSet : IImageSet
{
    private const uint ImageMagic = 0x00000803; // bytes, three dimensions
    private const uint LabelMagic = 0x00000801;
    private const int MaxBytes = 1 << 30;
    private const long DeflateExpansion = 1032; // at best

    private readonly string _name;
    private readonly byte[] _pixels;
    private readonly byte[]? _labels;

    private IdxSet(string name, byte[] pixels, int count, int size, byte[]? labels)
    {
        (_name, _pixels, Count, Size, _labels) = (name, pixels, count, size, labels);
        Names = [.. Enumerable.Range(0, count).Select(i => $"{i:D6}")];
        ClassCount = labels is null ? 0 : labels.Max() + 1;
    }

    /// <inheritdoc/>
    public int Count { get; }

    /// <inheritdoc/>
    public int Channels => 1;

    /// <inheritdoc/>
    public int Size { get; }

    /// <summary>The numbers of the images, six digits.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <inheritdoc/>
    public int ClassCount { get; }

    /// <inheritdoc/>
    public ImageOrigin Origin => ImageOrigin.Unknown with { Source = _name };

    /// <summary>Whether a file is called as IDX images are: <c>…idx3-ubyte</c>, with or without <c>.gz</c>.</summary>
    public static bool IsIdx(string path) =>
        path.EndsWith("idx3-ubyte", StringComparison.Ordinal) || path.EndsWith("idx3-ubyte.gz", StringComparison.Ordinal);

    /// <summary>Reads the images, and the labels where a file of that name (<c>images-idx3</c> → <c>labels-idx1</c>) is beside them.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFormatException">It is missing, damaged or no such file; the message names it.</exception>
    public static IdxSet Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var (sizes, pixels) = Read(path, ImageMagic, 3);
        if (sizes[1] != sizes[2])
            throw new DataFormatException($"{path}: its images are {sizes[2]}x{sizes[1]}; square ones are wanted");
        var labelFile = Path.Combine(
            Path.GetDirectoryName(path) ?? "",
            Path.GetFileName(path).Replace("images", "labels", StringComparison.Ordinal).Replace("idx3", "idx1", StringComparison.Ordinal)
        );
        if (!File.Exists(labelFile))
            return new(Path.GetFileName(path), pixels, sizes[0], sizes[1], null);
        var (counts, labels) = Read(labelFile, LabelMagic, 1);
        if (counts[0] != sizes[0])
            throw new DataFormatException($"{labelFile}: has {counts[0]} labels for {sizes[0]} images of {Path.GetFileName(path)}");
        return new(Path.GetFileName(path), pixels, sizes[0], sizes[1], labels);
    }

    /// <inheritdoc/>
    public int Label(int index) => _labels is null ? -1 : _labels[index];

    /// <inheritdoc/>
    public void Read(int index, Span<byte> planes) => _pixels.AsSpan(index * Size * Size, Size * Size).CopyTo(planes);

    /// <summary>Nothing is held open.</summary>
    public void Dispose() { }

    private static (int[] Sizes, byte[] Values) Read(string path, uint magic, int dimensions)
    {
        try
        {
            using var file = InputFile.OpenRead(path);
            using Stream stream = path.EndsWith(".gz", StringComparison.Ordinal)
                ? new GZipStream(file, CompressionMode.Decompress)
                : new BufferedStream(file);
            var header = new byte[4 + 4 * dimensions];
            stream.ReadExactly(header);
            if (BinaryPrimitives.ReadUInt32BigEndian(header) is var found && found != magic)
                throw new DataFormatException($"{path}: starts with {found:x8}, an IDX file of this kind with {magic:x8}");
            int[] sizes = [.. Enumerable.Range(0, dimensions).Select(i => BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(4 + 4 * i)))];
            var length = sizes.Aggregate(1.0, (product, size) => product * Math.Max(size, 0));
            if (length is < 1 or > MaxBytes)
                throw new DataFormatException($"{path}: claims {string.Join("x", sizes)} bytes; 1 to {MaxBytes} can be read");
            if (length > (stream is GZipStream ? file.Length * DeflateExpansion : file.Length))
                throw new DataFormatException(
                    $"{path}: is truncated (claims {string.Join("x", sizes)} bytes, the file has {file.Length}); download it anew"
                );
            var values = new byte[(int)length];
            stream.ReadExactly(values);
            return stream.ReadByte() < 0
                ? (sizes, values)
                : throw new DataFormatException($"{path}: is longer than its header says; download it anew");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new DataFormatException($"{path}: no such file", e);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new DataFormatException($"{path}: is truncated or cannot be read ({e.Message.TrimEnd('.')}); download it anew", e);
        }
    }
}

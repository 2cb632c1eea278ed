using InvFusion.Formats.IO;
using static InvFusion.Formats.IO.FormatErrors;

namespace InvFusion.Formats.Numpy;

/// <summary>Reads and writes single arrays in numpy's .npy format, versions 1 to 3.</summary>
public static class Npy
{
    private const int FirstChunk = 1 << 20;

    /// <summary>Reads a file that holds one array and nothing else.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFormatException">The file cannot be opened, is not a valid .npy file, or holds elements that are not plain numbers.</exception>
    public static NpyArray Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        using var stream = OpenRead(path);
        return Translate(path, () => ReadWhole(stream, path));
    }

    /// <summary>Reads one array and leaves the stream behind it. Memory grows with what arrives, not with what the header claims.</summary>
    /// <param name="stream">The stream, at the array's first byte.</param>
    /// <param name="source">What to call the stream in messages.</param>
    /// <exception cref="DataFormatException">The stream does not hold a valid array of plain numbers.</exception>
    public static NpyArray Read(Stream stream, string source = "npy stream")
    {
        ArgumentNullException.ThrowIfNull(stream);
        return Translate(source, () => ReadOne(stream, source));
    }

    /// <summary>Writes a file atomically, C order, version 1.</summary>
    /// <param name="path">The file to create or replace.</param>
    /// <param name="array">The array; numpy has no BF16.</param>
    /// <exception cref="DataFormatException">The file cannot be written, or the element type is BF16.</exception>
    public static void Write(string path, NpyArray array)
    {
        ArgumentNullException.ThrowIfNull(path);
        AtomicFile.Write(path, stream => Write(stream, array));
    }

    /// <summary>Writes an array to a stream, C order, version 1.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="array">The array; numpy has no BF16.</param>
    /// <exception cref="DataFormatException">The element type is BF16.</exception>
    public static void Write(Stream stream, NpyArray array)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(array);
        stream.Write(NpyHeader.Format(array));
        stream.Write(array.Data);
    }

    /// <summary>As <see cref="Read(Stream, string)"/>, and the stream must end with the array.</summary>
    internal static NpyArray ReadWhole(Stream stream, string source)
    {
        var array = ReadOne(stream, source);
        if (stream.ReadByte() >= 0)
            throw new DataFormatException($"{source}: has more bytes than its shape [{string.Join(", ", array.Shape)}] takes");
        return array;
    }

    private static NpyArray ReadOne(Stream stream, string source)
    {
        var header = NpyHeader.Read(source, stream);
        if (!header.ElementType.TryByteLength(header.Shape, out var bytes) || bytes > Array.MaxLength)
            throw new DataFormatException(
                $"{source}: an array of [{string.Join(", ", header.Shape)}] is beyond the 2 GiB that can be read"
            );
        var data = ReadGrowing(stream, (int)bytes);
        var size = header.ElementType.Size();
        if (header.BigEndian)
            for (var i = 0; i < data.Length; i += size)
                data.AsSpan(i, size).Reverse();
        if (header.FortranOrder && header.Shape.Length > 1)
            data = FromFortranOrder(data, header.Shape, size);
        return new NpyArray(header.ElementType, header.Shape, data);
    }

    private static byte[] ReadGrowing(Stream stream, int length)
    {
        var data = new byte[Math.Min(length, FirstChunk)];
        stream.ReadExactly(data);
        while (data.Length < length)
        {
            var known = data.Length;
            Array.Resize(ref data, (int)Math.Min(length, 2L * known));
            stream.ReadExactly(data.AsSpan(known));
        }
        return data;
    }

    /// <summary>Reorders elements from first index fastest to last index fastest.</summary>
    internal static byte[] FromFortranOrder(byte[] data, long[] shape, int size)
    {
        var strides = new long[shape.Length];
        for (var (d, stride) = (0, 1L); d < shape.Length; stride *= shape[d++])
            strides[d] = stride;
        return StridedCopy.ToContiguous(data, shape, strides, size, data.Length);
    }
}

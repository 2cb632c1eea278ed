using System.Buffers.Binary;
using System.Runtime.InteropServices;
using static InvFusion.Formats.IO.FormatErrors;

namespace InvFusion.Formats.Safetensors;

/// <summary>
/// A safetensors file: opening reads only the header, a tensor's bytes are read when they are asked for.
/// Files that the format does not fully determine (holes, overlaps, unknown or repeated keys) are refused.
/// </summary>
/// <remarks>It is read and not mapped: a file that shrinks in use would end the process.</remarks>
public sealed class SafetensorsFile : IDisposable
{
    private const int LengthBytes = 8;
    private readonly string _path;
    private readonly FileStream _file;
    private readonly SafetensorsHeader _header;
    private readonly long _dataStart;

    private SafetensorsFile(string path, FileStream file)
    {
        (_path, _file) = (path, file);
        var length = file.Length;
        if (length < LengthBytes + 2)
            throw new DataFormatException($"{path}: not a safetensors file: {length} bytes are too few");
        Span<byte> start = stackalloc byte[LengthBytes];
        Fill(start, 0);
        var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (headerLength > (ulong)Math.Min(length - LengthBytes, SafetensorsHeader.MaximumLength))
            throw new DataFormatException($"{path}: not a safetensors file, or truncated: a header of {headerLength} bytes in {length}");
        _dataStart = LengthBytes + (long)headerLength;
        var json = new byte[headerLength];
        Fill(json, LengthBytes);
        _header = SafetensorsHeader.Parse(path, json, length - _dataStart);
    }

    /// <summary>Free text that travels with the tensors.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>The tensors by name, in the order of the header.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Tensors => _header.Tensors;

    /// <summary>Opens a file and checks its header against its size.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFormatException">The file cannot be opened or is not a valid safetensors file.</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var file = OpenRead(path);
        try
        {
            return Translate(path, () => new SafetensorsFile(path, file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The bytes of one tensor, C order.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <exception cref="DataFormatException">There is no such tensor, it is larger than 2 GiB, or the file was truncated since it was opened.</exception>
    /// <exception cref="ObjectDisposedException">The file is closed.</exception>
    public byte[] Bytes(string name)
    {
        var entry = Entry(name);
        var bytes = new byte[entry.ByteLength];
        Read(entry, bytes);
        return bytes;
    }

    /// <summary>The elements of one tensor as singles, C order, converted from whatever they are stored as.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <exception cref="DataFormatException">There is no such tensor, or it is larger than 2 GiB.</exception>
    /// <exception cref="ObjectDisposedException">The file is closed.</exception>
    public float[] ReadSingles(string name)
    {
        var entry = Entry(name);
        var singles = new float[entry.ByteLength / entry.ElementType.Size()];
        ReadSingles(name, singles);
        return singles;
    }

    /// <summary>The same into memory of the caller.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <param name="destination">Receives as many numbers as there are elements.</param>
    /// <exception cref="DataFormatException">There is no such tensor, or it is larger than 2 GiB.</exception>
    /// <exception cref="ArgumentException">The lengths do not agree.</exception>
    public void ReadSingles(string name, Span<float> destination)
    {
        var entry = Entry(name);
        if (entry.ElementType == ElementType.F32 && entry.ByteLength == (long)destination.Length * sizeof(float))
            Read(entry, MemoryMarshal.AsBytes(destination)); // without a copy: half of the time that a network takes to load
        else
            ElementConversion.ToSingles(entry.ElementType, Bytes(name), destination);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    private void Read(SafetensorsEntry entry, Span<byte> destination)
    {
        try
        {
            Fill(destination, _dataStart + entry.Begin);
        }
        catch (EndOfStreamException e)
        {
            throw new DataFormatException($"{_path}: was truncated while it was read (tensor {Quote(entry.Name)}); fetch it again", e);
        }
        catch (IOException e)
        {
            throw new DataFormatException($"{_path}: tensor {Quote(entry.Name)} cannot be read ({e.Message.TrimEnd('.')})", e);
        }
    }

    private void Fill(Span<byte> destination, long position)
    {
        for (int done = 0, count; done < destination.Length; done += count)
        {
            count = RandomAccess.Read(_file.SafeFileHandle, destination[done..], position + done);
            if (count == 0)
                throw new EndOfStreamException();
        }
    }

    private SafetensorsEntry Entry(string name)
    {
        ObjectDisposedException.ThrowIf(!_file.CanRead, this);
        if (!Tensors.TryGetValue(name, out var entry))
            throw new DataFormatException($"{_path}: holds no tensor {Quote(name)}");
        return entry.ByteLength <= Array.MaxLength
            ? entry
            : throw new DataFormatException($"{_path}: tensor {Quote(name)} has {entry.ByteLength} bytes; at most 2 GiB can be read");
    }
}

using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using static InvFusion.Formats.IO.FormatErrors;

namespace InvFusion.Formats.Safetensors;

/// <summary>
/// A safetensors file, mapped into memory: opening reads only the header, a tensor's bytes come from the disk when touched.
/// Files that the format does not fully determine (holes, overlaps, unknown or repeated keys) are refused.
/// </summary>
public sealed unsafe class SafetensorsFile : IDisposable
{
    private const int LengthBytes = 8;
    private readonly string _path;
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly SafetensorsHeader _header;
    private readonly long _dataStart;
    private byte* _pointer; // null once disposed

    private SafetensorsFile(string path, FileStream stream)
    {
        _path = path;
        var length = stream.Length;
        if (length < LengthBytes + 2)
        {
            stream.Dispose();
            throw new DataFormatException($"{path}: not a safetensors file: {length} bytes are too few");
        }
        _file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        try
        {
            _view = _file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _pointer);
            var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>(_pointer, LengthBytes));
            if (headerLength > (ulong)Math.Min(length - LengthBytes, SafetensorsHeader.MaximumLength))
                throw new DataFormatException(
                    $"{path}: not a safetensors file, or truncated: a header of {headerLength} bytes in {length}"
                );
            _dataStart = LengthBytes + (long)headerLength;
            var json = new ReadOnlySpan<byte>(_pointer + LengthBytes, (int)headerLength);
            _header = SafetensorsHeader.Parse(path, json, length - _dataStart);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Free text that travels with the tensors.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>The tensors by name, in the order of the header.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Tensors => _header.Tensors;

    /// <summary>Maps a file and checks its header against its size.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFormatException">The file cannot be opened or is not a valid safetensors file.</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Translate(path, () => new SafetensorsFile(path, OpenRead(path)));
    }

    /// <summary>The bytes of one tensor, C order, without a copy; they must not be touched after <see cref="Dispose"/>.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <exception cref="DataFormatException">There is no such tensor, or it is larger than 2 GiB.</exception>
    /// <exception cref="ObjectDisposedException">The file is closed.</exception>
    public ReadOnlySpan<byte> Bytes(string name)
    {
        ObjectDisposedException.ThrowIf(_pointer is null, this);
        var entry = Entry(name);
        if (entry.ByteLength > int.MaxValue)
            throw new DataFormatException($"{_path}: tensor {Quote(name)} has {entry.ByteLength} bytes; at most 2 GiB can be read");
        return new ReadOnlySpan<byte>(_pointer + _dataStart + entry.Begin, (int)entry.ByteLength);
    }

    /// <summary>The elements of one tensor as singles, C order, converted from whatever they are stored as.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <exception cref="DataFormatException">There is no such tensor, or it is larger than 2 GiB.</exception>
    /// <exception cref="ObjectDisposedException">The file is closed.</exception>
    public float[] ReadSingles(string name) => ElementConversion.ToSingles(Entry(name).ElementType, Bytes(name));

    /// <summary>The same into memory of the caller.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <param name="destination">Receives as many numbers as there are elements.</param>
    /// <exception cref="DataFormatException">There is no such tensor, or it is larger than 2 GiB.</exception>
    /// <exception cref="ArgumentException">The lengths do not agree.</exception>
    public void ReadSingles(string name, Span<float> destination) =>
        ElementConversion.ToSingles(Entry(name).ElementType, Bytes(name), destination);

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        if (_pointer is not null)
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _pointer = null;
        _view?.Dispose();
        _file.Dispose();
    }

    private SafetensorsEntry Entry(string name) =>
        Tensors.TryGetValue(name, out var entry) ? entry : throw new DataFormatException($"{_path}: holds no tensor {Quote(name)}");
}

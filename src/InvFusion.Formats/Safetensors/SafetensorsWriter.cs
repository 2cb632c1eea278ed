using System.Buffers;
using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;
using InvFusion.Formats.IO;
using static InvFusion.Formats.IO.FormatErrors;

namespace InvFusion.Formats.Safetensors;

/// <summary>Writes safetensors files atomically, tensor after tensor.</summary>
public static class SafetensorsWriter
{
    private const int Alignment = 8;

    /// <summary>Writes a file; the old one stays until the new one is whole. Tensors of larger elements come first, so that each is aligned.</summary>
    /// <param name="path">The file to create or replace.</param>
    /// <param name="tensors">The tensors.</param>
    /// <param name="metadata">Free text that travels with them.</param>
    /// <exception cref="DataFormatException">A name occurs twice, a shape cannot be, a tensor wrote another number of bytes than its shape says, or the file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<TensorToWrite> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(tensors);
        TensorToWrite[] ordered = [.. tensors.OrderByDescending(t => t.ElementType.Size())];
        var header = Header(path, ordered, metadata, out var lengths);
        AtomicFile.Write(
            path,
            stream =>
            {
                stream.Write(header);
                foreach (var (tensor, length) in ordered.Zip(lengths))
                {
                    var start = stream.Position;
                    tensor.WriteTo(stream);
                    if (stream.Position - start != length)
                        throw new DataFormatException(
                            $"{path}: tensor {Quote(tensor.Name)} wrote {stream.Position - start} bytes; its shape takes {length}"
                        );
                }
            }
        );
    }

    private static byte[] Header(
        string path,
        TensorToWrite[] tensors,
        IReadOnlyDictionary<string, string>? metadata,
        out List<long> lengths
    )
    {
        var buffer = new ArrayBufferWriter<byte>();
        buffer.Write(stackalloc byte[sizeof(ulong)]); // the length, known at the end
        lengths = WriteJson(path, buffer, tensors, metadata);
        while (buffer.WrittenCount % Alignment != 0)
            buffer.Write(" "u8);
        var length = buffer.WrittenCount - sizeof(ulong);
        if (length > SafetensorsHeader.MaximumLength)
            throw new DataFormatException(
                $"{path}: the header would have {length} bytes; the format allows {SafetensorsHeader.MaximumLength}"
            );
        var header = buffer.WrittenSpan.ToArray();
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)length);
        return header;
    }

    private static List<long> WriteJson(
        string path,
        ArrayBufferWriter<byte> buffer,
        TensorToWrite[] tensors,
        IReadOnlyDictionary<string, string>? metadata
    )
    {
        // Names are data, not HTML: no escapes beyond what JSON needs.
        using var json = new Utf8JsonWriter(buffer, new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        var (names, lengths, offset) = (new HashSet<string> { SafetensorsHeader.MetadataKey }, new List<long>(), 0L);
        json.WriteStartObject();
        if (metadata is { Count: > 0 })
        {
            json.WriteStartObject(SafetensorsHeader.MetadataKey);
            foreach (var (key, value) in metadata.OrderBy(m => m.Key, StringComparer.Ordinal))
                json.WriteString(key, value);
            json.WriteEndObject();
        }
        foreach (var tensor in tensors)
        {
            if (!names.Add(tensor.Name))
                throw new DataFormatException($"{path}: two tensors have the name {Quote(tensor.Name)}, or the format keeps that name");
            if (!tensor.ElementType.TryByteLength(tensor.Shape, out var length) || length > long.MaxValue - offset)
                throw new DataFormatException($"{path}: tensor {Quote(tensor.Name)} has the shape [{string.Join(", ", tensor.Shape)}]");
            WriteTensor(json, tensor, offset, offset + length);
            lengths.Add(length);
            offset += length;
        }
        json.WriteEndObject();
        return lengths;
    }

    private static void WriteTensor(Utf8JsonWriter json, TensorToWrite tensor, long begin, long end)
    {
        json.WriteStartObject(tensor.Name);
        json.WriteString("dtype", SafetensorsHeader.NameOf(tensor.ElementType));
        WriteNumbers(json, "shape", tensor.Shape);
        WriteNumbers(json, "data_offsets", [begin, end]);
        json.WriteEndObject();
    }

    private static void WriteNumbers(Utf8JsonWriter json, string key, ReadOnlySpan<long> numbers)
    {
        json.WriteStartArray(key);
        foreach (var number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }
}

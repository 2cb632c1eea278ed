using System.Text.Json;
using InvFusion.Formats.IO;
using static InvFusion.Formats.IO.FormatErrors;

namespace InvFusion.Formats.Safetensors;

/// <summary>The JSON header, read strictly: what it says must describe exactly the bytes that follow it.</summary>
internal sealed class SafetensorsHeader
{
    public const string MetadataKey = "__metadata__";

    /// <summary>The same limit as the reference implementation's.</summary>
    public const long MaximumLength = 100_000_000;

    private readonly string _source;

    private SafetensorsHeader(string source) => _source = source;

    public Dictionary<string, string> Metadata { get; } = [];

    public Dictionary<string, SafetensorsEntry> Tensors { get; } = [];

    /// <param name="source">The file's name, for messages.</param>
    /// <param name="json">The header.</param>
    /// <param name="dataLength">The bytes after the header.</param>
    public static SafetensorsHeader Parse(string source, ReadOnlySpan<byte> json, long dataLength)
    {
        var header = new SafetensorsHeader(source);
        try
        {
            header.ReadAll(json);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter: text that is not UTF-8
        {
            throw header.Error($"the header is not valid JSON ({Names.Shown(e.Message).TrimEnd('.')})", e);
        }
        header.CheckCoverage(dataLength);
        return header;
    }

    private void ReadAll(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        Expect(ref reader, JsonTokenType.StartObject, "the header");
        var sawMetadata = false;
        while (NextKey(ref reader) is { } name)
        {
            if (name == MetadataKey)
            {
                if (sawMetadata)
                    throw Error($"{MetadataKey} occurs twice");
                sawMetadata = true;
                ReadMetadata(ref reader);
            }
            else if (!Tensors.TryAdd(name, ReadTensor(ref reader, name)))
                throw Error($"tensor {Quote(name)} occurs twice");
        }
        reader.Read(); // refuses anything but white space after the object
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject, MetadataKey);
        while (NextKey(ref reader) is { } key)
        {
            Expect(ref reader, JsonTokenType.String, $"metadata {Quote(key)}");
            if (!Metadata.TryAdd(key, reader.GetString()!))
                throw Error($"metadata {Quote(key)} occurs twice");
        }
    }

    private SafetensorsEntry ReadTensor(ref Utf8JsonReader reader, string name)
    {
        var what = $"tensor {Quote(name)}";
        Expect(ref reader, JsonTokenType.StartObject, what);
        ElementType? type = null;
        long[]? shape = null;
        long[]? offsets = null;
        while (NextKey(ref reader) is { } key)
        {
            if (key == "dtype" && type is null)
                type = ReadElementType(ref reader, what);
            else if (key == "shape" && shape is null)
                shape = ReadIntegers(ref reader, $"the shape of {what}");
            else if (key == "data_offsets" && offsets is null)
                offsets = ReadIntegers(ref reader, $"the data_offsets of {what}");
            else
                throw Error($"{what} has the key {Quote(key)} twice or one that the format does not know");
        }
        if (type is null || shape is null || offsets is not [var begin, var end])
            throw Error($"{what} lacks dtype, shape or two data_offsets");
        if (!type.Value.TryByteLength(shape, out var bytes) || begin > end || end - begin != bytes)
            throw Error($"{what}: {begin}..{end} is not the size of {type} [{string.Join(", ", shape.Take(8))}]");
        return new SafetensorsEntry(name, type.Value, shape, begin, end);
    }

    private ElementType ReadElementType(ref Utf8JsonReader reader, string what)
    {
        Expect(ref reader, JsonTokenType.String, $"the dtype of {what}");
        var text = reader.GetString()!;
        foreach (var type in Enum.GetValues<ElementType>())
            if (text == NameOf(type))
                return type;
        throw Error($"{what} has the element type {Quote(text)}, which is not supported; convert it to F32");
    }

    private long[] ReadIntegers(ref Utf8JsonReader reader, string what)
    {
        Expect(ref reader, JsonTokenType.StartArray, what);
        var values = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            Expect(ref reader, JsonTokenType.Number, what);
            if (!reader.TryGetInt64(out var value) || value < 0 || values.Count == ElementTypes.MaximumRank)
                throw Error($"{what} holds a number that is no size, or more than {ElementTypes.MaximumRank} of them");
            values.Add(value);
        }
        return [.. values];
    }

    /// <summary>Every byte of the data belongs to exactly one tensor.</summary>
    private void CheckCoverage(long dataLength)
    {
        var covered = 0L;
        foreach (var entry in Tensors.Values.OrderBy(e => e.Begin).ThenBy(e => e.End))
        {
            if (entry.End > dataLength)
                throw Error($"tensor {Quote(entry.Name)} ends beyond the file; it is truncated, fetch it again");
            if (entry.Begin != covered)
                throw Error($"tensor {Quote(entry.Name)} leaves a hole or overlaps another tensor");
            covered = entry.End;
        }
        if (covered != dataLength)
            throw Error($"{dataLength - covered} bytes at the end belong to no tensor");
    }

    internal static string NameOf(ElementType type) => type.ToString().ToUpperInvariant();

    /// <summary>Moves to the value of the next key and gives the key, or null at the object's end.</summary>
    private static string? NextKey(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.EndObject)
            return null;
        var key = reader.GetString()!;
        reader.Read();
        return key;
    }

    private void Expect(ref Utf8JsonReader reader, JsonTokenType type, string what)
    {
        if (reader.TokenType != type)
            throw Error($"{what} is not the {type} that the format asks for");
    }

    private DataFormatException Error(string message, Exception? inner = null) =>
        new($"{_source}: not a valid safetensors file: {message}", inner);
}

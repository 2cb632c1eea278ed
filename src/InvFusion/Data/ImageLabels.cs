using System.Text.Json;
using InvFusion.Formats.IO;

namespace InvFusion.Data;

/// <summary>Classes of images, from the <c>{"labels": [["name", k], …]}</c> of StyleGAN's and EDM's data sets.</summary>
internal sealed class ImageLabels
{
    private readonly int[] _labels;

    private ImageLabels(int[] labels)
    {
        _labels = labels;
        ClassCount = labels.Length == 0 ? 0 : labels.Max() + 1;
    }

    /// <summary>No labels.</summary>
    public static ImageLabels None { get; } = new([]);

    /// <summary>The largest label and one; 0 without labels.</summary>
    public int ClassCount { get; }

    /// <summary>The class of an image, or -1.</summary>
    public int this[int index] => _labels.Length == 0 ? -1 : _labels[index];

    /// <summary>Reads the labels of the named images.</summary>
    /// <param name="files">Content, folder (with its slash, which the names in the file lack) and what errors call the file.</param>
    /// <param name="names">The images; each needs a label, unless there are none at all.</param>
    public static ImageLabels Parse(IReadOnlyList<(byte[] Json, string Folder, string Shown)> files, IReadOnlyList<string> names)
    {
        var labels = files.Count == 0 ? null : names.ToDictionary(name => name, _ => -1);
        var any = false;
        foreach (var (json, folder, shown) in files)
            any |= Read(json, folder, labels!, shown);
        return any ? new ImageLabels([.. names.Select(name => Find(labels!, name, files[0].Shown))]) : None;
    }

    // Sets the labels of the names that are there; whether the file has any at all.
    private static bool Read(byte[] json, string folder, Dictionary<string, int> labels, string file)
    {
        try
        {
            return Read(json.AsSpan().StartsWith(Mark) ? json.AsSpan(Mark.Length) : json, folder, labels, file);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new DataFormatException($"{file}: is not {{\"labels\": [[\"name\", number], ...]}} ({Names.Shown(e.Message)})", e);
        }
    }

    private static bool Read(ReadOnlySpan<byte> json, string folder, Dictionary<string, int> labels, string file)
    {
        var reader = new Utf8JsonReader(json);
        Next(ref reader, JsonTokenType.StartObject);
        var any = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isLabels = reader.ValueTextEquals("labels"u8);
            reader.Read();
            if (!isLabels || reader.TokenType == JsonTokenType.Null)
            {
                reader.Skip();
                continue;
            }
            any = true;
            Require(reader, JsonTokenType.StartArray);
            while (reader.Read() && reader.TokenType == JsonTokenType.StartArray)
                ReadPair(ref reader, folder, labels, file);
            Require(reader, JsonTokenType.EndArray);
        }
        reader.Read(); // refuses what follows
        return any;
    }

    private static void ReadPair(ref Utf8JsonReader reader, string folder, Dictionary<string, int> labels, string file)
    {
        Next(ref reader, JsonTokenType.String);
        var name = reader.GetString()!.Replace('\\', '/');
        Next(ref reader, JsonTokenType.Number);
        if (reader.GetInt32() is not (>= 0 and < 1 << 20 and var label))
            throw new DataFormatException($"{file}: label {reader.GetInt32()} of {Names.Shown(name)} is not a class number from 0 on");
        if (labels.ContainsKey(folder + name))
            labels[folder + name] = label;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            reader.Skip();
    }

    private static void Next(ref Utf8JsonReader reader, JsonTokenType type)
    {
        reader.Read();
        Require(reader, type);
    }

    private static void Require(in Utf8JsonReader reader, JsonTokenType type)
    {
        if (reader.TokenType != type)
            throw new JsonException($"{type} is wanted at byte {reader.TokenStartIndex}, {reader.TokenType} is there");
    }

    private static int Find(Dictionary<string, int> labels, string name, string file) =>
        labels[name] is >= 0 and var label
            ? label
            : throw new DataFormatException($"{file}: has no label for {Names.Shown(name)}; add one, or set \"labels\" to null");

    private static ReadOnlySpan<byte> Mark => [0xEF, 0xBB, 0xBF]; // of UTF-8, which some editors write before the text
}

using System.Text.Json;

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
    /// <param name="json">The file's content.</param>
    /// <param name="names">The images; each needs a label, unless the file has none at all.</param>
    /// <param name="file">What errors call the file.</param>
    public static ImageLabels Parse(ReadOnlyMemory<byte> json, IReadOnlyList<string> names, string file)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            if (!document.RootElement.TryGetProperty("labels", out var list) || list.ValueKind == JsonValueKind.Null)
                return None;
            var byName = new Dictionary<string, int>(names.Count);
            foreach (var pair in list.EnumerateArray())
                byName[pair[0].GetString()!.Replace('\\', '/')] = Class(pair[1], pair[0], file);
            return new ImageLabels([.. names.Select(name => Find(byName, name, file))]);
        }
        catch (Exception e)
            when (e is JsonException or InvalidOperationException or FormatException or IndexOutOfRangeException or ArgumentNullException)
        {
            throw new DataFormatException(
                $"{file}: is not {{\"labels\": [[\"name\", number], ...]}} ({e.Message.ReplaceLineEndings(" ")})",
                e
            );
        }
    }

    private static int Class(JsonElement value, JsonElement name, string file) =>
        value.GetInt32() is >= 0 and < 1 << 20 and var label
            ? label
            : throw new DataFormatException($"{file}: label {value} of {name} is not a class number from 0 on");

    private static int Find(Dictionary<string, int> labels, string name, string file) =>
        labels.TryGetValue(name, out var label)
            ? label
            : throw new DataFormatException($"{file}: has no label for {name}; add one, or set \"labels\" to null");
}

using System.Text.Json;
using InvFusion.Formats.IO;

namespace InvFusion.Formats.TensorFlow;

/// <summary>One group of a manifest: tensors whose elements lie one after the other in its files.</summary>
/// <param name="Paths">The names of the files, all beside the manifest.</param>
/// <param name="Tensors">The tensors in their order.</param>
internal sealed record ManifestGroup(IReadOnlyList<string> Paths, IReadOnlyList<ManifestEntry> Tensors)
{
    /// <summary>Reads the groups of a manifest.</summary>
    /// <param name="source">The manifest's name, for messages.</param>
    /// <param name="root">Its content.</param>
    /// <exception cref="DataFormatException">It describes no weights; the message says what is wrong.</exception>
    public static IReadOnlyList<ManifestGroup> Parse(string source, JsonElement root) =>
        [.. root.EnumerateArray().Select(group => ParseGroup(source, group))];

    private static ManifestGroup ParseGroup(string source, JsonElement group)
    {
        string[] paths = [.. Member(source, group, "paths").EnumerateArray().Select(p => p.GetString() ?? "")];
        if (paths.FirstOrDefault(p => p.Length == 0 || p is "." or ".." || p.IndexOfAny(['/', '\\', '\0']) >= 0) is { } odd)
            throw Error(source, $"{FormatErrors.Quote(odd)} is no name of a file beside it");
        var tensors = new List<ManifestEntry>();
        var begin = 0L;
        foreach (var tensor in Member(source, group, "weights").EnumerateArray())
        {
            tensors.Add(ParseTensor(source, tensor, begin));
            begin += tensors[^1].Bytes;
        }
        return new(paths, tensors);
    }

    private static ManifestEntry ParseTensor(string source, JsonElement tensor, long begin)
    {
        var name = Member(source, tensor, "name").GetString() ?? "";
        var what = $"tensor {FormatErrors.Quote(name)}";
        long[] shape = [.. Member(source, tensor, "shape").EnumerateArray().Select(s => s.GetInt64())];
        if (Member(source, tensor, "dtype").GetString() != "float32")
            throw Error(source, $"{what} is not of float32, the only dtype that is read");
        var (type, scale, minimum) = (ElementType.F32, (double?)null, 0.0);
        if (tensor.TryGetProperty("quantization", out var quantization))
        {
            if (Member(source, quantization, "dtype").GetString() != "uint8")
                throw Error(source, $"{what} is not quantised to uint8, the only quantisation that is read");
            type = ElementType.U8;
            scale = Member(source, quantization, "scale").GetDouble();
            minimum = Member(source, quantization, "min").GetDouble();
            if (!double.IsFinite(scale.Value) || !double.IsFinite(minimum))
                throw Error(source, $"{what} has a scale or a minimum that is not finite");
        }
        if (!type.TryByteLength(shape, out var bytes) || bytes > Array.MaxLength)
            throw Error(source, $"{what} has the shape [{string.Join(", ", shape.Take(8))}], which no tensor has");
        return new(name, shape, type, scale, minimum, begin, bytes);
    }

    private static JsonElement Member(string source, JsonElement element, string name) =>
        element.TryGetProperty(name, out var member) ? member : throw Error(source, $"a part of it has no '{name}'");

    private static DataFormatException Error(string source, string message) => new($"{source}: not a valid manifest of weights: {message}");
}

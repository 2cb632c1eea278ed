using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace InvFusion.Cli.Rendering;

/// <summary>What --json prints for commands without a report of their own.</summary>
internal static class JsonText
{
    /// <summary>How documents are written, on the standard output or into a file.</summary>
    public static JsonSerializerOptions Options { get; } =
        new()
        {
            WriteIndented = true,
            NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, // of the records that are written with them; see Text
        };

    /// <summary>Prints one document on the standard output.</summary>
    public static void Print(JsonNode document) => Console.WriteLine(Text(document));

    /// <summary>A document as text. JSON has no NaN and no infinity: such a number is null, with the reason beside it under its name and <c>Reason</c>.</summary>
    public static string Text(JsonNode document)
    {
        var copy = document.DeepClone();
        Explain(copy);
        return copy.ToJsonString(Options);
    }

    /// <summary>Why there is no number; null where there is one.</summary>
    public static string? Reason(double number) =>
        double.IsFinite(number) ? null
        : double.IsNaN(number) ? "not a number: nothing was compared"
        : double.IsPositive(number) ? "infinite: without any difference"
        : "minus infinity";

    private static void Explain(JsonNode? node)
    {
        if (node is JsonObject members)
            foreach (var (key, value) in members.ToArray())
                if (Reason(value) is { } reason)
                    (members[key], members[key + "Reason"]) = (null, reason);
                else
                    Explain(value);
        else if (node is JsonArray items)
            for (var i = 0; i < items.Count; i++)
                if (Reason(items[i]) is not null)
                    items[i] = null;
                else
                    Explain(items[i]);
    }

    private static string? Reason(JsonNode? node) =>
        node is JsonValue value && value.TryGetValue(out double number) ? Reason(number) : null;

    /// <summary>Names as a JSON array.</summary>
    public static JsonArray Array(IEnumerable<string> values) => [.. values.Select(v => (JsonNode)v)];
}

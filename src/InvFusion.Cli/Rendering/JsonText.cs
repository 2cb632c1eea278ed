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
            NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, // "NaN" where nothing was compared
        };

    /// <summary>Prints one document on the standard output.</summary>
    public static void Print(JsonNode document) => Console.WriteLine(document.ToJsonString(Options));

    /// <summary>Names as a JSON array.</summary>
    public static JsonArray Array(IEnumerable<string> values) => [.. values.Select(v => (JsonNode)v)];
}

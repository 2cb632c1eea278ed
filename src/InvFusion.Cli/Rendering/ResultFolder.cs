using System.Text.Json;
using System.Text.Json.Nodes;

namespace InvFusion.Cli.Rendering;

/// <summary>A folder holds one result. Its record, a JSON document with the names of all "files", tells what of the folder is the program's own.</summary>
internal static class ResultFolder
{
    /// <summary>Takes away the result that a folder holds, as a whole; what else lies there stays.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="record">The record's name.</param>
    public static void Clear(string folder, string record)
    {
        var path = Path.Combine(folder, record);
        foreach (var name in Files(Read(path)))
            File.Delete(Path.Combine(folder, name));
        File.Delete(path);
    }

    /// <summary>The first of the folders NAME, NAME-2, NAME-3, … that holds no result, or one that the new one replaces.</summary>
    /// <param name="name">The folder.</param>
    /// <param name="record">The record's name.</param>
    /// <param name="replaces">Whether the new result replaces the one of this record.</param>
    public static string Choose(string name, string record, Func<JsonObject, bool> replaces)
    {
        for (var i = 1; ; i++)
        {
            var folder = i == 1 ? name : $"{name}-{i}";
            if (Read(Path.Combine(folder, record)) is not { } found || replaces(found))
                return folder;
        }
    }

    private static JsonObject? Read(string path)
    {
        try
        {
            return File.Exists(path) ? JsonNode.Parse(File.ReadAllText(path)) as JsonObject : null;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return null; // no record of this program
        }
    }

    // A record names files beside it, nothing else.
    private static IEnumerable<string> Files(JsonObject? record) =>
        record?["files"] is JsonArray names
            ? names
                .OfType<JsonValue>()
                .Select(n => n.TryGetValue<string>(out var s) ? s : "")
                .Where(s => s.Length > 0 && Path.GetFileName(s) == s)
            : [];
}

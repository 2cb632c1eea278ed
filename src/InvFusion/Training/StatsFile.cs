using System.Text.Json;
using System.Text.Json.Nodes;
using InvFusion.Configuration;
using InvFusion.Formats.IO;
using InvFusion.Training.Validation;

namespace InvFusion.Training;

/// <summary><c>stats.jsonl</c> of a run folder: one line per status, and one per validation.</summary>
internal sealed class StatsFile(string path)
{
    /// <summary>Drops the lines after the checkpoint that a run resumes from.</summary>
    public void TruncateAfter(long images)
    {
        if (!File.Exists(path))
            return;
        var kept = File.ReadLines(path).Where(line => ImagesOf(line) <= images).ToArray();
        AtomicFile.WriteAllText(path, kept.Length == 0 ? "" : string.Join('\n', kept) + "\n");
    }

    /// <summary>Adds a line.</summary>
    public void Append(TrainingStatus status) => LineFile.Append(path, ConfigurationJson.Write(status, indented: false));

    /// <summary>Adds a line.</summary>
    public void Append(ValidationStatus status) => LineFile.Append(path, ConfigurationJson.Write(status, indented: false));

    // A kill may have left half a line: it counts as one after the checkpoint.
    private static long ImagesOf(string line)
    {
        try
        {
            return (long?)JsonNode.Parse(line)?["images"] ?? long.MaxValue;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return long.MaxValue;
        }
    }
}

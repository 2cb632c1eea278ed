using InvFusion.Configuration;
using InvFusion.Formats.IO;

namespace InvFusion.Training;

/// <summary><c>stats.jsonl</c> of a run folder: one line per status.</summary>
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

    // A kill may have left half a line: it counts as one after the checkpoint.
    private long ImagesOf(string line)
    {
        try
        {
            return ConfigurationJson.Read<TrainingStatus>(line, path).Images;
        }
        catch (ConfigurationException)
        {
            return long.MaxValue;
        }
    }
}

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using InvFusion.Evaluation.Speed;

namespace InvFusion.Cli.Rendering;

/// <summary>What <c>bench speed</c> shows and writes: a line and a whole file after every row.</summary>
/// <param name="line">Receives the lines.</param>
/// <param name="file">The file of the report, or null.</param>
internal sealed class SpeedOutput(Action<string> line, string? file) : IProgress<SpeedReport>
{
    private const int PartWidth = -11;
    private const int NameWidth = -94;

    public void Report(SpeedReport value)
    {
        if (value.Rows.Count == 1)
        {
            line($"{value.Processor}, {value.Threads} threads, {value.Commit}");
            line(
                Text(
                    $"{"part", PartWidth}{"what", NameWidth}{"", -5}{"median s", 10}{"min s", 10}{"GFLOP/s", 9}{"of peak", 8}{"MB", 7}{"load", 6}"
                )
            );
        }
        var r = value.Rows[^1];
        line(
            Text(
                $"{r.Part, PartWidth}{r.Name, NameWidth}{r.Precision, -5}{Seconds(r.Seconds), 10}{Seconds(r.MinSeconds), 10}{r.Gflops, 9:F1}{r.Share, 8:P0}{r.PeakMegabytes, 7:F0}{r.Load, 6:F1}"
            )
        );
        if (file is not null)
            value.Save(file);
    }

    /// <summary>Writes the finished report, and prints what it was compared with.</summary>
    public void Finish(SpeedReport report, SpeedComparison? comparison, bool json)
    {
        if (file is not null)
            report.Save(file);
        if (comparison is not null)
            Print(comparison);
        if (!report.Complete)
            line($"cancelled after {report.Rows.Count} rows");
        if (!json)
            return;
        var document = JsonNode.Parse(report.ToJson())!.AsObject();
        if (comparison is not null)
            document["against"] = JsonSerializer.SerializeToNode(comparison, ComparisonOptions);
        JsonText.Print(document);
    }

    private static JsonSerializerOptions ComparisonOptions { get; } =
        new(JsonText.Options) { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    private void Print(SpeedComparison c)
    {
        foreach (var difference in c.Differences)
            line($"not the same {difference}");
        line(Text($"{"part", PartWidth}{"what", NameWidth}{"", -5}{"old s", 10}{"new s", 10}{"new/old", 9}"));
        foreach (var r in c.Rows)
            line(
                Text(
                    $"{r.Part, PartWidth}{r.Name, NameWidth}{r.Precision, -5}{Seconds(r.OldSeconds), 10}{Seconds(r.NewSeconds), 10}{r.Ratio, 9:F3}"
                )
            );
        foreach (var name in c.OnlyNew)
            line($"only in this run: {name}");
        foreach (var name in c.OnlyOld)
            line($"only in the earlier report: {name}");
    }

    private static string Seconds(double seconds) => seconds.ToString(seconds < 1 ? "F6" : "F3", CultureInfo.InvariantCulture);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

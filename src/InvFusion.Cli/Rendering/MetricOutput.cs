using System.Globalization;
using System.Text.Json.Nodes;
using InvFusion.Data;
using InvFusion.Formats.IO;
using InvFusion.Metrics.Runs;
using InvFusion.Metrics.Scores;

namespace InvFusion.Cli.Rendering;

/// <summary>The files of an evaluation: <c>metrics.json</c> and <c>metrics.md</c>, and <c>metrics.manifest.json</c> with what was used.</summary>
internal sealed class MetricOutput(string folder, JsonObject settings, EvaluationOutcome outcome, ResultManifest used)
{
    private static readonly string[] Files = ["metrics.json", "metrics.md", "metrics" + Manifest.Extension];

    public void Write()
    {
        AtomicFile.WriteAllText(Path.Combine(folder, Files[0]), JsonText.Text(Saved()) + "\n");
        AtomicFile.WriteAllText(Path.Combine(folder, Files[1]), Markdown());
        used.Save(Path.Combine(folder, Files[2]));
    }

    /// <summary>What --json prints: the saved document, and what belongs to this call alone.</summary>
    public JsonObject Json()
    {
        var json = Saved();
        json["folder"] = folder;
        json["files"] = JsonText.Array(Files);
        json["resumedBatches"] = outcome.Resumed;
        json["peakMegabytes"] = outcome.PeakMegabytes;
        return json;
    }

    // The same bytes, however often the run was interrupted and by how many ranks it was made.
    private JsonObject Saved() =>
        new()
        {
            ["settings"] = settings.DeepClone(),
            ["images"] = outcome.Images,
            ["failures"] = JsonText.Array(outcome.Failures),
            ["results"] = new JsonArray([.. outcome.Results.Select(Result)]),
        };

    /// <summary>A table; the intervals are of 95 %.</summary>
    public string Markdown() =>
        string.Concat(
            outcome
                .Results.Select(r => (string[])[r.Name, Value(r), Interval(r), Invariant($"{r.Images}"), r.Detector ?? ""])
                .Prepend(["---", "---", "---", "---", "---"])
                .Prepend(["metric", "value", "95 %", "images", "detector"])
                .Select(cells => $"| {string.Join(" | ", cells)} |\n")
        );

    private static string Value(MetricResult r) => r.Error is { } error ? $"– ({error})" : Invariant($"{r.Value.Mean:G6}");

    private static string Interval(MetricResult r) =>
        double.IsFinite(r.Value.Low) ? Invariant($"{r.Value.Low:G6} to {r.Value.High:G6} ({r.Interval})") : r.Interval;

    public static JsonObject Result(MetricResult r) =>
        new()
        {
            ["metric"] = r.Name,
            ["value"] = r.Error is null ? r.Value.Mean : null,
            ["low"] = Number(r.Value.Low),
            ["high"] = Number(r.Value.High),
            ["interval"] = r.Interval,
            ["images"] = r.Images,
            ["detector"] = r.Detector,
            ["error"] = r.Error,
        };

    // An interval that is not known is null, without a word.
    private static JsonValue? Number(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

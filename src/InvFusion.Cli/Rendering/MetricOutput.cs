using System.Globalization;
using System.Text.Json.Nodes;
using InvFusion.Formats.IO;
using InvFusion.Metrics.Runs;
using InvFusion.Metrics.Scores;

namespace InvFusion.Cli.Rendering;

/// <summary>The files of an evaluation: <c>metrics.json</c> and <c>metrics.md</c>.</summary>
internal sealed class MetricOutput(string folder, JsonObject settings, EvaluationOutcome outcome)
{
    private static readonly string[] Files = ["metrics.json", "metrics.md"];

    public void Write()
    {
        AtomicFile.WriteAllText(Path.Combine(folder, Files[0]), Json().ToJsonString(JsonText.Options));
        AtomicFile.WriteAllText(Path.Combine(folder, Files[1]), Markdown());
    }

    public JsonObject Json() =>
        new()
        {
            ["folder"] = folder,
            ["files"] = JsonText.Array(Files),
            ["settings"] = settings.DeepClone(),
            ["images"] = outcome.Images,
            ["failures"] = JsonText.Array(outcome.Failures),
            ["resumedBatches"] = outcome.Resumed,
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
        double.IsFinite(r.Value.Low) ? Invariant($"{r.Value.Low:G6} to {r.Value.High:G6} ({r.Interval})") : "";

    public static JsonObject Result(MetricResult r) =>
        new()
        {
            ["metric"] = r.Name,
            ["value"] = Number(r.Value.Mean),
            ["low"] = Number(r.Value.Low),
            ["high"] = Number(r.Value.High),
            ["interval"] = r.Interval,
            ["images"] = r.Images,
            ["detector"] = r.Detector,
            ["error"] = r.Error,
        };

    // JSON has no NaN; what is not known is null.
    private static JsonValue? Number(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

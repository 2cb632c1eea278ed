using System.Text.Json.Nodes;
using InvFusion.Data;
using InvFusion.Evaluation;
using InvFusion.Formats.IO;

namespace InvFusion.Cli.Rendering;

/// <summary>The files of a comparison, whole and up to date after every row.</summary>
/// <param name="folder">Their folder.</param>
/// <param name="used">What the comparison is made of; null where another process writes the files.</param>
internal sealed class ComparisonOutput(string folder, ResultManifest? used)
{
    private static readonly string[] Files = ["compare.md", "compare.csv", "compare.png", "compare" + Manifest.Extension];

    private readonly List<ComparisonRow> _rows = [];

    public IReadOnlyList<ComparisonRow> Rows => _rows;

    /// <summary>Adds a row and writes everything anew.</summary>
    public void Add(ComparisonRow row)
    {
        _rows.Add(row);
        if (used is null)
            return;
        if (_rows.Count == 1)
            used.Save(Path.Combine(folder, Files[3]));
        AtomicFile.WriteAllText(Path.Combine(folder, Files[0]), ComparisonRow.Markdown(_rows));
        AtomicFile.WriteAllText(Path.Combine(folder, Files[1]), ComparisonRow.Csv(_rows));
        AtomicFile.WriteAllBytes(Path.Combine(folder, Files[2]), ComparisonPlot.Png(_rows));
    }

    public JsonObject Json(bool cancelled) =>
        new()
        {
            ["folder"] = folder,
            ["files"] = JsonText.Array(Files),
            ["rows"] = new JsonArray([.. _rows.Select(Json)]),
            ["cancelled"] = cancelled,
        };

    private static JsonObject Json(ComparisonRow r) =>
        new()
        {
            ["degradation"] = r.Degradation,
            ["sigmaY"] = r.SigmaY,
            ["model"] = r.Model,
            ["unconditionalSide"] = r.UnconditionalSide,
            ["method"] = r.Method,
            ["images"] = r.Images,
            ["failed"] = r.Failed,
            ["failures"] = JsonText.Array(r.Failures),
            ["psnr"] = Json(r.Psnr),
            ["gain"] = Json(r.Gain),
            ["ssim"] = Json(r.Ssim),
            ["consistency"] = r.Consistency,
            ["metrics"] = new JsonArray([.. r.Metrics.Select(MetricOutput.Result)]),
            ["evaluations"] = r.Evaluations,
            ["forwardCalls"] = r.ForwardCalls,
            ["inverseCalls"] = r.InverseCalls,
            ["secondsPerImage"] = r.SecondsPerImage,
            ["peakMegabytes"] = r.PeakMegabytes,
        };

    private static JsonObject Json(Estimate e) =>
        new()
        {
            ["mean"] = e.Mean,
            ["low"] = e.Low,
            ["high"] = e.High,
        };
}

using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Evaluation;
using InvFusion.Formats.IO;
using InvFusion.Imaging;

namespace InvFusion.Cli.Rendering;

/// <summary>The files of a comparison, whole and up to date after every row.</summary>
/// <param name="folder">Their folder.</param>
/// <param name="used">What the comparison is made of; null where another process writes the files.</param>
internal sealed partial class ComparisonOutput(string folder, ResultManifest? used)
{
    private const int ShownImages = 4;
    private static readonly string[] Tables = ["compare.md", "compare.csv", "compare.png", "compare" + Manifest.Extension];

    private readonly List<string> _grids = [];

    private readonly List<ComparisonRow> _rows = [];

    public IReadOnlyList<ComparisonRow> Rows => _rows;

    private IEnumerable<string> Files => [.. Tables, .. _grids];

    /// <summary>What the next degradation's images are kept in.</summary>
    public static ComparisonPictures NewPictures() => new(ShownImages);

    /// <summary>Adds a row and writes everything anew.</summary>
    /// <param name="row">The row.</param>
    /// <param name="pictures">The images of its degradation so far.</param>
    public void Add(ComparisonRow row, ComparisonPictures pictures)
    {
        _rows.Add(row);
        if (used is null)
            return;
        if (_rows.Count == 1)
        {
            foreach (var old in Directory.EnumerateFiles(folder, "compare-*.png").Where(f => GridName().IsMatch(Path.GetFileName(f))))
                File.Delete(old);
            used.Save(Path.Combine(folder, Tables[3]));
        }
        AtomicFile.WriteAllText(Path.Combine(folder, Tables[0]), ComparisonRow.Markdown(_rows));
        AtomicFile.WriteAllText(Path.Combine(folder, Tables[1]), ComparisonRow.Csv(_rows));
        AtomicFile.WriteAllBytes(Path.Combine(folder, Tables[2]), ComparisonPlot.Png(_rows));
        var grid = $"compare-{_rows.Select(r => r.Degradation).Distinct().Count()}.png";
        if (!_grids.Contains(grid))
            _grids.Add(grid);
        Grid(row, pictures).Save(Path.Combine(folder, grid));
    }

    public JsonObject Json(bool cancelled) =>
        new()
        {
            ["folder"] = folder,
            ["files"] = JsonText.Array(Files),
            ["rows"] = new JsonArray([.. _rows.Select(Json)]),
            ["cancelled"] = cancelled,
        };

    private static ContactSheet Grid(ComparisonRow row, ComparisonPictures pictures)
    {
        var noise = row.SigmaY > 0 ? FormattableString.Invariant($", σ_y {row.SigmaY}") : "";
        var sheet = new ContactSheet
        {
            Title = DegradationSpec.Parse(row.Degradation).Title + noise,
            Columns = [.. pictures.Columns.Select(c => c.Label)],
            MinimumSide = 128,
        };
        for (var i = 0; i < pictures.Columns[0].Images.Count; i++)
            sheet.AddRow(null, pictures.Columns.Select(c => new SheetCell(c.Images.ElementAtOrDefault(i))));
        return sheet;
    }

    [GeneratedRegex(@"^compare-\d+\.png$")]
    private static partial Regex GridName();

    private static JsonObject Json(ComparisonRow r) =>
        new()
        {
            ["degradation"] = r.Degradation,
            ["sigmaY"] = r.SigmaY,
            ["model"] = r.Model,
            ["unconditionalSide"] = r.UnconditionalSide,
            ["method"] = r.Method,
            ["images"] = r.Images,
            ["lossless"] = r.Lossless,
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

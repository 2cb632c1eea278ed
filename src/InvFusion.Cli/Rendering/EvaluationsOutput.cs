using System.Globalization;
using InvFusion.Data;
using InvFusion.Evaluation;
using InvFusion.Formats.IO;
using InvFusion.Metrics.Runs;

namespace InvFusion.Cli.Rendering;

/// <summary>The files of quality against evaluations, whole and up to date after every row.</summary>
/// <param name="folder">Their folder.</param>
/// <param name="used">What the rows are made of.</param>
internal sealed class EvaluationsOutput(string folder, ResultManifest used)
{
    private readonly List<EvaluationsRow> _rows = [];

    /// <summary>The folder that keeps the finished batches of a row.</summary>
    public string FolderOf(string degradation, double sigmaY, Contestant contestant)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{degradation} {sigmaY} {contestant.Method} {contestant.Evaluations}");
        var safe = string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' ? c : '_'));
        return Directory.CreateDirectory(Path.Combine(folder, "rows", safe)).FullName;
    }

    /// <summary>Adds a row and writes everything anew.</summary>
    public void Add(string degradation, double sigmaY, Contestant c, EvaluationOutcome outcome)
    {
        var schedule = c.Options.Levels is null ? "formula" : "model";
        _rows.Add(new(degradation, sigmaY, c.Method, c.Options.Steps!.Value, c.Evaluations, schedule, outcome));
        if (_rows.Count == 1)
            used.Save(Path.Combine(folder, "evaluations" + Manifest.Extension));
        AtomicFile.WriteAllText(Path.Combine(folder, "evaluations.csv"), EvaluationsRow.Csv(_rows, Baseline));
        AtomicFile.WriteAllText(Path.Combine(folder, "evaluations.md"), Markdown());
        EvaluationsPlot.Save(_rows, Path.Combine(folder, "evaluations.png"));
    }

    /// <summary>The table.</summary>
    public string Markdown() => EvaluationsRow.Markdown(_rows, Baseline);

    // The first row of a degradation: of the first method, with the most evaluations.
    private EvaluationsRow Baseline(EvaluationsRow row) => _rows.First(r => r.Degradation == row.Degradation);
}

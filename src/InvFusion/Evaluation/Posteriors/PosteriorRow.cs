using System.Globalization;

namespace InvFusion.Evaluation.Posteriors;

/// <summary>One line of the bench of known posteriors.</summary>
/// <param name="Prior">The prior.</param>
/// <param name="Operator">The degradation.</param>
/// <param name="SigmaY">σ_y.</param>
/// <param name="Method">The sampler and its variant.</param>
/// <param name="Samples">How many samples it drew.</param>
/// <param name="Steps">Its steps.</param>
/// <param name="Evaluations">Evaluations of the denoiser.</param>
/// <param name="Distance">How far its samples are from the posterior; null where all of them diverged.</param>
/// <param name="Failed">The share of samples that diverged.</param>
/// <param name="Seconds">Seconds for all samples.</param>
/// <param name="PointEstimate">Whether the method gives the mean alone, without a spread.</param>
public sealed record PosteriorRow(
    string Prior,
    string Operator,
    double SigmaY,
    string Method,
    int Samples,
    int Steps,
    int Evaluations,
    PosteriorDistance? Distance,
    double Failed,
    double Seconds,
    bool PointEstimate = false
)
{
    private static readonly string[] Columns =
    [
        "prior",
        "operator",
        "sigma_y",
        "method",
        "samples",
        "steps",
        "evaluations",
        "mean",
        "covariance",
        "sliced_wasserstein",
        "failed",
        "seconds",
    ];

    /// <summary>Rows as CSV with a header.</summary>
    public static string Csv(IEnumerable<PosteriorRow> rows) =>
        string.Concat(rows.Select(r => r.Cells()).Prepend(Columns).Select(cells => string.Join(',', cells.Select(c => $"\"{c}\"")) + "\n"));

    /// <summary>Rows as a Markdown table.</summary>
    public static string Markdown(IEnumerable<PosteriorRow> rows) =>
        Line(Columns) + Line(Columns.Select(_ => "---")) + string.Concat(rows.Select(r => Line(r.Cells())));

    /// <summary>One line for each method, σ_y and prior: the median over the operators, and the worst operator by the sliced Wasserstein distance.</summary>
    public static string Summary(IEnumerable<PosteriorRow> rows)
    {
        string[] columns =
        [
            "prior",
            "σ_y",
            "method",
            "samples",
            "steps",
            "evaluations",
            "mean",
            "covariance",
            "sliced Wasserstein",
            "worst",
            "failed",
        ];
        var lines = rows.GroupBy(r => (r.Prior, r.SigmaY, r.Method, r.Samples, r.Steps)).Select(g => Line(Condensed([.. g])));
        return Line(columns) + Line(columns.Select(_ => "---")) + string.Concat(lines);
    }

    /// <summary>The middle of some numbers; infinity stands for a run without any sample.</summary>
    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }

    private static string[] Condensed(PosteriorRow[] g)
    {
        var first = g[0];
        var worst = g.MaxBy(r => Value(r, d => d.SlicedWasserstein))!;
        return
        [
            first.Prior,
            Text($"{first.SigmaY}"),
            first.Method,
            Text($"{first.Samples}"),
            Text($"{first.Steps}"),
            Text($"{first.Evaluations}"),
            Number(Median(g.Select(r => Value(r, d => d.Mean)))),
            first.PointEstimate ? "" : Number(Median(g.Select(r => Value(r, d => d.Covariance)))),
            first.PointEstimate ? "" : Number(Median(g.Select(r => Value(r, d => d.SlicedWasserstein)))),
            first.PointEstimate ? "" : $"{Number(Value(worst, d => d.SlicedWasserstein))} ({worst.Operator})",
            Text($"{g.Average(r => r.Failed):P0}"),
        ];
    }

    private static double Value(PosteriorRow row, Func<PosteriorDistance, double> part) =>
        row.Distance is { } distance ? part(distance) : double.PositiveInfinity;

    private static string Number(double value) => value < 100 ? Text($"{value:F3}") : Text($"{value:G3}");

    private static string Line(IEnumerable<string> cells) => $"| {string.Join(" | ", cells)} |\n";

    private IEnumerable<string> Cells() =>
        [
            Prior,
            Operator,
            Text($"{SigmaY}"),
            Method,
            Text($"{Samples}"),
            Text($"{Steps}"),
            Text($"{Evaluations}"),
            Number(Value(this, d => d.Mean)),
            PointEstimate ? "" : Number(Value(this, d => d.Covariance)),
            PointEstimate ? "" : Number(Value(this, d => d.SlicedWasserstein)),
            Text($"{Failed:F3}"),
            Text($"{Seconds:F2}"),
        ];

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

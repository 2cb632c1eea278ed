using System.Globalization;
using InvFusion.Metrics.Runs;

namespace InvFusion.Evaluation;

/// <summary>One method with one number of evaluations in the experiment of quality against evaluations.</summary>
/// <param name="Degradation">The degradation, as its specification has it.</param>
/// <param name="SigmaY">σ_y in units of images in [-1, 1].</param>
/// <param name="Method">The sampler.</param>
/// <param name="Steps">Its steps.</param>
/// <param name="Evaluations">Evaluations of the network for a sample.</param>
/// <param name="Schedule">"model" where the levels are those that the model carries, else "formula".</param>
/// <param name="Outcome">The scores.</param>
public sealed record EvaluationsRow(
    string Degradation,
    double SigmaY,
    string Method,
    int Steps,
    int Evaluations,
    string Schedule,
    EvaluationOutcome Outcome
)
{
    private const string Nothing = "–";

    /// <summary>
    /// This row's metric minus another's of the same images and noise, with the interval of the mean of the differences: narrower than the two intervals, as what an
    /// image adds to both rows cancels. Null for metrics that are no mean over images.
    /// </summary>
    /// <param name="other">The other row.</param>
    /// <param name="metric">Name of the metric.</param>
    public Estimate? Difference(EvaluationsRow other, string metric)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (!Outcome.Scores.TryGetValue(metric, out var own) || !other.Outcome.Scores.TryGetValue(metric, out var others))
            return null;
        var pairs = own.Zip(others).Where(p => p.First.Denominator > 0 && p.Second.Denominator > 0).ToArray();
        return pairs.Length == 0 || pairs.Any(p => p.First.Denominator != 1 || p.Second.Denominator != 1)
            ? null
            : Estimate.Of([.. pairs.Select(p => p.First.Numerator - p.Second.Numerator)]);
    }

    /// <summary>Rows as CSV with a header: each metric with its interval, and its difference from the degradation's baseline with that of the difference.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="baseline">The row that those of a degradation are compared with.</param>
    public static string Csv(IReadOnlyList<EvaluationsRow> rows, Func<EvaluationsRow, EvaluationsRow> baseline)
    {
        var metrics = MetricNames(rows);
        string[] titles =
        [
            "degradation",
            "sigma_y",
            "method",
            "schedule",
            "steps",
            "evaluations",
            "images",
            "failed",
            .. metrics.SelectMany(m =>
                new[] { m, $"{m}_low", $"{m}_high", $"{m}_difference", $"{m}_difference_low", $"{m}_difference_high" }
            ),
        ];
        return string.Concat(
            rows.Select(r =>
                    (string[])
                        [
                            r.Degradation,
                            Text($"{r.SigmaY}"),
                            r.Method,
                            r.Schedule,
                            Text($"{r.Steps}"),
                            Text($"{r.Evaluations}"),
                            Text($"{r.Outcome.Images}"),
                            Text($"{r.Outcome.Failures.Count}"),
                            .. metrics.SelectMany(m => Numbers(r.Value(m)).Concat(Numbers(r.Difference(baseline(r), m)))),
                        ]
                )
                .Prepend(titles)
                .Select(cells => string.Join(',', cells.Select(c => $"\"{c}\"")) + "\n")
        );
    }

    /// <summary>Rows as a Markdown table: each metric with its 95 % interval, and the paired difference of those that are means over images.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="baseline">The row that those of a degradation are compared with.</param>
    public static string Markdown(IReadOnlyList<EvaluationsRow> rows, Func<EvaluationsRow, EvaluationsRow> baseline)
    {
        var metrics = MetricNames(rows);
        var paired = metrics.Where(m => rows.Any(r => r.Difference(baseline(r), m) is not null)).ToArray();
        string[] titles =
        [
            "degradation",
            "method",
            "schedule",
            "steps",
            "evaluations",
            "images",
            .. metrics.Select(m => $"{m} (95 %)"),
            .. paired.Select(m => $"{m}, paired difference (95 %)"),
        ];
        return string.Concat(
            rows.Select(r =>
                    (string[])
                        [
                            r.SigmaY > 0 ? Text($"{r.Degradation}, σ_y {r.SigmaY}") : r.Degradation,
                            r.Method,
                            r.Schedule,
                            Text($"{r.Steps}"),
                            Text($"{r.Evaluations}"),
                            Text($"{r.Outcome.Images}"),
                            .. metrics.Select(m => Cell(r.Value(m))),
                            .. paired.Select(m => ReferenceEquals(r, baseline(r)) ? Nothing : Cell(r.Difference(baseline(r), m))),
                        ]
                )
                .Prepend([.. titles.Select(_ => "---")])
                .Prepend(titles)
                .Select(cells => $"| {string.Join(" | ", cells)} |\n")
        );
    }

    /// <summary>The metrics of the rows.</summary>
    public static IReadOnlyList<string> MetricNames(IReadOnlyList<EvaluationsRow> rows) =>
        [.. rows.SelectMany(r => r.Outcome.Results).Select(r => r.Name).Distinct()];

    /// <summary>A metric of this row; null where it could not be computed.</summary>
    public Estimate? Value(string metric) =>
        Outcome.Results.FirstOrDefault(r => r.Name == metric) is { Error: null } found ? found.Value : null;

    private static IEnumerable<string> Numbers(Estimate? e) =>
        e is { } value ? [Text($"{value.Mean:G6}"), Text($"{value.Low:G6}"), Text($"{value.High:G6}")] : ["", "", ""];

    private static string Cell(Estimate? e) =>
        e is not { } value ? Nothing
        : double.IsFinite(value.Low) ? Text($"{value.Mean:G4} ({value.Low:G4} to {value.High:G4})")
        : Text($"{value.Mean:G4}");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

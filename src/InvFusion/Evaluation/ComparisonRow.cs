using System.Globalization;
using InvFusion.Metrics.Scores;

namespace InvFusion.Evaluation;

/// <summary>One line of a comparison.</summary>
public sealed record ComparisonRow
{
    /// <summary>The degradation, as its specification has it.</summary>
    public required string Degradation { get; init; }

    /// <summary>σ_y in units of images in [-1, 1].</summary>
    public required double SigmaY { get; init; }

    /// <summary>The model; empty for what needs none.</summary>
    public required string Model { get; init; }

    /// <summary>Whether the method is a zero-shot one that ran on the unconditional side of a conditional network; <see cref="Model"/> says so too.</summary>
    public bool UnconditionalSide { get; init; }

    /// <summary>The sampler, H⁺y or "linear".</summary>
    public required string Method { get; init; }

    /// <summary>Evaluations of the network for an image.</summary>
    public required int Evaluations { get; init; }

    /// <summary>Images that count: those of which the degradation lost something and whose restoration did not diverge.</summary>
    public int Images { get; init; }

    /// <summary>A line for each image whose restoration diverged; it has no other score.</summary>
    public IReadOnlyList<string> Failures { get; init; } = [];

    /// <summary>How many restorations diverged.</summary>
    public int Failed => Failures.Count;

    /// <summary>Whether the degradation lost nothing of any image: H⁺y is the image, and there is nothing to compare.</summary>
    public bool Lossless => Images == 0 && Failed == 0;

    /// <summary>PSNR on 8-bit values, in dB.</summary>
    public Estimate Psnr { get; init; }

    /// <summary>PSNR above that of H⁺y of the same image, in dB: rows of different numbers of images can be compared by it.</summary>
    public Estimate Gain { get; init; }

    /// <summary>Structural similarity on 8-bit values.</summary>
    public Estimate Ssim { get; init; }

    /// <summary>Mean over images of the root mean square of y - H x, in units of images; the true image has σ_y.</summary>
    public double Consistency { get; init; }

    /// <summary>The metrics of <see cref="ComparisonOptions.Metrics"/>.</summary>
    public IReadOnlyList<MetricResult> Metrics { get; init; } = [];

    /// <summary>Images that H was applied to, for one image restored; features inside a network count as images.</summary>
    public double ForwardCalls { get; init; }

    /// <summary>
    /// Measurements that H⁺ or Hᵀ was applied to, for one image restored; one however H⁺ is computed. A gradient through H, as dps takes it, is none.
    /// </summary>
    public double InverseCalls { get; init; }

    /// <summary>Seconds for an image.</summary>
    public double SecondsPerImage { get; init; }

    /// <summary>
    /// The largest resident memory of the whole process, in millions of bytes: while the row was made on Linux, since the program began elsewhere.
    /// </summary>
    public double PeakMegabytes { get; init; }

    private static readonly (string Title, Func<ComparisonRow, FormattableString> Cell)[] Table =
    [
        ("degradation", r => r.SigmaY > 0 ? (FormattableString)$"{r.Degradation}, σ_y {r.SigmaY}" : (FormattableString)$"{r.Degradation}"),
        ("model", r => $"{r.Model}"),
        ("method", r => $"{r.Method}"),
        ("images", r => r.Failed > 0 ? (FormattableString)$"{r.Images} ({r.Failed} failed)" : (FormattableString)$"{r.Images}"),
        ("PSNR (dB, 95 %)", r => r.Lossless ? (FormattableString)$"nothing is lost" : Interval(r.Psnr, "F2")),
        ("over H⁺y (dB, 95 %)", r => Interval(r.Gain, "F2")),
        ("SSIM (95 %)", r => Interval(r.Ssim, "F3")),
        ("consistency", r => double.IsFinite(r.Consistency) ? (FormattableString)$"{r.Consistency:F4}" : (FormattableString)$"–"),
        ("evaluations", r => $"{r.Evaluations}"),
        ("H", r => $"{r.ForwardCalls:0.#}"),
        ("H⁺, Hᵀ", r => $"{r.InverseCalls:0.#}"),
        ("s/image", r => $"{r.SecondsPerImage:F3}"),
        ("peak MB", r => $"{r.PeakMegabytes:F0}"),
    ];

    private static readonly (string Title, Func<ComparisonRow, FormattableString> Cell)[] Numbers =
    [
        ("degradation", r => $"{r.Degradation}"),
        ("sigma_y", r => $"{r.SigmaY}"),
        ("model", r => $"{r.Model}"),
        ("method", r => $"{r.Method}"),
        ("images", r => $"{r.Images}"),
        ("failed", r => $"{r.Failed}"),
        ("psnr", r => Known(r.Psnr.Mean, "F4")),
        ("psnr_low", r => Known(r.Psnr.Low, "F4")),
        ("psnr_high", r => Known(r.Psnr.High, "F4")),
        ("gain", r => Known(r.Gain.Mean, "F4")),
        ("gain_low", r => Known(r.Gain.Low, "F4")),
        ("gain_high", r => Known(r.Gain.High, "F4")),
        ("ssim", r => Known(r.Ssim.Mean, "F5")),
        ("ssim_low", r => Known(r.Ssim.Low, "F5")),
        ("ssim_high", r => Known(r.Ssim.High, "F5")),
        ("consistency", r => Known(r.Consistency, "G6")),
        ("evaluations", r => $"{r.Evaluations}"),
        ("h_calls", r => $"{r.ForwardCalls:0.##}"),
        ("inverse_calls", r => $"{r.InverseCalls:0.##}"),
        ("seconds_per_image", r => $"{r.SecondsPerImage:F4}"),
        ("peak_mb", r => $"{r.PeakMegabytes:F0}"),
        ("unconditional_side", r => $"{(r.UnconditionalSide ? "true" : "false")}"),
    ];

    /// <summary>Rows as a Markdown table.</summary>
    public static string Markdown(IReadOnlyList<ComparisonRow> rows)
    {
        var (titles, cells) = Cells(rows);
        return string.Concat(
            cells.Prepend([.. titles.Select(_ => "---")]).Prepend(titles).Select(line => $"| {string.Join(" | ", line)} |\n")
        );
    }

    /// <summary>Titles and cells of the same table.</summary>
    public static (string[] Titles, string[][] Cells) Cells(IReadOnlyList<ComparisonRow> rows)
    {
        var more = MetricNames(rows).Select(name => (Title: $"{name} (95 %)", Cell: Cell(name, ShortValue)));
        var columns = Table.Concat(more).ToArray();
        return ([.. columns.Select(c => c.Title)], [.. rows.Select(r => columns.Select(c => Text(c.Cell(r))).ToArray())]);
    }

    /// <summary>Rows as CSV with a header.</summary>
    public static string Csv(IReadOnlyList<ComparisonRow> rows)
    {
        var more = MetricNames(rows)
            .SelectMany<string, (string Title, Func<ComparisonRow, FormattableString> Cell)>(name =>
                [
                    (name, Cell(name, r => $"{r.Value.Mean:G6}")),
                    ($"{name}_low", Cell(name, r => $"{r.Value.Low:G6}")),
                    ($"{name}_high", Cell(name, r => $"{r.Value.High:G6}")),
                ]
            );
        var columns = Numbers.Concat(more).ToArray();
        return string.Concat(
            rows.Select(r => columns.Select(c => Text(c.Cell(r))))
                .Prepend(columns.Select(c => c.Title))
                .Select(cells => string.Join(',', cells.Select(c => $"\"{c}\"")) + "\n")
        );
    }

    private static IEnumerable<string> MetricNames(IReadOnlyList<ComparisonRow> rows) =>
        rows.SelectMany(r => r.Metrics).Select(m => m.Name).Distinct();

    private static Func<ComparisonRow, FormattableString> Cell(string name, Func<MetricResult, FormattableString> text) =>
        row => row.Metrics.FirstOrDefault(m => m.Name == name) is { Error: null } found ? text(found) : (FormattableString)$"";

    private static FormattableString ShortValue(MetricResult r) =>
        double.IsFinite(r.Value.Low)
            ? (FormattableString)$"{r.Value.Mean:G4} ({r.Value.Low:G4} to {r.Value.High:G4})"
            : (FormattableString)$"{r.Value.Mean:G4}";

    private static FormattableString Known(double value, string format) =>
        $"{(double.IsFinite(value) ? value.ToString(format, CultureInfo.InvariantCulture) : "")}";

    // Of one image there is no interval, of none no mean.
    private static FormattableString Interval(Estimate e, string format)
    {
        return !double.IsFinite(e.Mean) ? (FormattableString)$"–"
            : double.IsFinite(e.Low) ? (FormattableString)$"{Number(e.Mean)} ({Number(e.Low)} to {Number(e.High)})"
            : (FormattableString)$"{Number(e.Mean)}";

        string Number(double value) => value.ToString(format, CultureInfo.InvariantCulture);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

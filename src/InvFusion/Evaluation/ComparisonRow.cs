using System.Globalization;

namespace InvFusion.Evaluation;

/// <summary>One line of a comparison.</summary>
/// <param name="Degradation">The degradation, as its specification has it.</param>
/// <param name="Model">The model; empty for H⁺y.</param>
/// <param name="Method">The sampler, or H⁺y.</param>
/// <param name="Images">Images that count: those of which the degradation lost something.</param>
/// <param name="Psnr">Mean PSNR on 8-bit values, in dB.</param>
/// <param name="PsnrError">Standard error of that mean.</param>
/// <param name="Consistency">Mean over images of the root mean square of y - H x, in units of images in [-1, 1].</param>
/// <param name="Evaluations">Evaluations of the network for an image.</param>
/// <param name="SecondsPerImage">Seconds for an image.</param>
public sealed record ComparisonRow(
    string Degradation,
    string Model,
    string Method,
    int Images,
    double Psnr,
    double PsnrError,
    double Consistency,
    int Evaluations,
    double SecondsPerImage
)
{
    private static readonly string[] Columns =
    [
        "degradation",
        "model",
        "method",
        "images",
        "PSNR (dB)",
        "±",
        "consistency",
        "evaluations",
        "s/image",
    ];

    /// <summary>Rows as a Markdown table.</summary>
    public static string Markdown(IEnumerable<ComparisonRow> rows) =>
        Line(Columns) + Line(Columns.Select(_ => "---")) + string.Concat(rows.Select(r => Line(r.Cells())));

    /// <summary>Rows as CSV with a header.</summary>
    public static string Csv(IEnumerable<ComparisonRow> rows) =>
        string.Concat(rows.Select(r => r.Cells()).Prepend(Columns).Select(cells => string.Join(',', cells.Select(c => $"\"{c}\"")) + "\n"));

    private static string Line(IEnumerable<string> cells) => $"| {string.Join(" | ", cells)} |\n";

    private IEnumerable<string> Cells() =>
        [
            Degradation,
            Model,
            Method,
            Text($"{Images}"),
            Text($"{Psnr:F2}"),
            Text($"{PsnrError:F2}"),
            Text($"{Consistency:F4}"),
            Text($"{Evaluations}"),
            Text($"{SecondsPerImage:F3}"),
        ];

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

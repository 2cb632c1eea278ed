using System.Globalization;

namespace InvFusion.Evaluation;

/// <summary>One line of <see cref="DirectionBench"/>: shares of the squared error that K directions explain, with bootstrap intervals over images.</summary>
public sealed record DirectionRow
{
    /// <summary>The degradation, as its specification has it.</summary>
    public required string Degradation { get; init; }

    /// <summary>σ_y in units of images in [-1, 1].</summary>
    public required double SigmaY { get; init; }

    /// <summary>Images that count: those whose mean has an error.</summary>
    public required int Images { get; init; }

    /// <summary>K.</summary>
    public required int Directions { get; init; }

    /// <summary>Of the network's directions.</summary>
    public required Estimate Explained { get; init; }

    /// <summary>Of random directions, drawn for each image from what its measurement leaves open.</summary>
    public required Estimate Random { get; init; }

    /// <summary>Of the first principal components of other images' errors.</summary>
    public required Estimate Components { get; init; }

    /// <summary>Of those without what the image's measurement sees of them.</summary>
    public required Estimate ComponentsLeftOpen { get; init; }

    /// <summary>√(Σ s_k² / Σ ⟨e, w_k⟩²): the standard deviations that the network tells against those that are found; 1 where they are right.</summary>
    public required double DeviationRatio { get; init; }

    private static readonly (string Title, Func<DirectionRow, FormattableString> Cell)[] Table =
    [
        ("degradation", r => r.SigmaY > 0 ? (FormattableString)$"{r.Degradation}, σ_y {r.SigmaY}" : (FormattableString)$"{r.Degradation}"),
        ("images", r => $"{r.Images}"),
        ("K", r => $"{r.Directions}"),
        ("network (95 %)", r => Percent(r.Explained)),
        ("random (95 %)", r => Percent(r.Random)),
        ("components of errors (95 %)", r => Percent(r.Components)),
        ("components, left open (95 %)", r => Percent(r.ComponentsLeftOpen)),
        ("told/found deviation", r => $"{r.DeviationRatio:F2}"),
    ];

    /// <summary>Rows as a Markdown table.</summary>
    public static string Markdown(IEnumerable<DirectionRow> rows) =>
        string.Concat(
            rows.Select(r => Table.Select(c => c.Cell(r).ToString(CultureInfo.InvariantCulture)))
                .Prepend(Table.Select(_ => "---"))
                .Prepend(Table.Select(c => c.Title))
                .Select(cells => $"| {string.Join(" | ", cells)} |\n")
        );

    private static FormattableString Percent(Estimate e) => $"{100 * e.Mean:F2} % ({100 * e.Low:F2} to {100 * e.High:F2})";
}

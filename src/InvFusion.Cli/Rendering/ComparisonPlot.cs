using InvFusion.Degradations;
using InvFusion.Evaluation;
using ScottPlot;

namespace InvFusion.Cli.Rendering;

/// <summary>A comparison as a picture: for each degradation the PSNR of every method, with its 95 % interval.</summary>
internal static class ComparisonPlot
{
    private const double Step = 0.85; // from one method to the next; the degradations' columns are 1 wide beside it
    private static readonly MarkerShape[] Shapes =
    [
        MarkerShape.FilledCircle,
        MarkerShape.FilledSquare,
        MarkerShape.FilledDiamond,
        MarkerShape.FilledTriangleUp,
    ];

    /// <summary>The picture; rows without a score are left out.</summary>
    public static byte[] Png(IReadOnlyList<ComparisonRow> rows)
    {
        PlotFont.Use();
        var degradations = rows.Select(r => r.Degradation).Distinct().ToArray();
        var series = rows.Select(r => (r.Model, r.Method)).Distinct().ToArray();
        var models = series.Select(s => s.Model).Distinct().ToArray();
        var width = series.Length * Step + 1;
        var palette = new ScottPlot.Palettes.Category10();
        var plot = new Plot();
        for (var d = 0; d < degradations.Length; d += 2)
            plot.Add.HorizontalSpan(d * width, (d + 1) * width, Colors.Black.WithAlpha(0.04)).LineWidth = 0;
        foreach (var (s, key) in series.Index())
        {
            var shown = rows.Where(r => (r.Model, r.Method) == key && double.IsFinite(r.Psnr.Mean)).ToArray();
            if (shown.Length == 0)
                continue;
            var color = key.Model.Length == 0 ? (s == 0 ? Colors.Black : Colors.Gray) : palette.GetColor(s - 2);
            double[] at = [.. shown.Select(r => Array.IndexOf(degradations, r.Degradation) * width + 0.5 + Step * (s + 0.5))];
            var points = plot.Add.ScatterPoints(at, shown.Select(r => r.Psnr.Mean).ToArray(), color);
            points.MarkerShape = Shapes[Array.IndexOf(models, key.Model) % Shapes.Length];
            points.MarkerSize = 10;
            points.LegendText = key.Model.Length == 0 ? key.Method : $"{key.Model}, {key.Method.Split(',')[0]}";
            AddIntervals(plot, at, shown, color);
            if (s == 0) // H⁺y
                foreach (var row in shown)
                    AddBaseline(plot, Array.IndexOf(degradations, row.Degradation) * width, width, row.Psnr.Mean);
        }
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericManual([
            .. degradations.Select((d, i) => new Tick((i + 0.5) * width, DegradationSpec.Parse(d).Title)),
        ]);
        plot.Axes.Bottom.TickLabelStyle.FontSize = 14;
        plot.Axes.Bottom.MajorTickStyle.Length = 0;
        plot.Axes.Left.TickLabelStyle.FontSize = 14;
        plot.Axes.Left.MinimumSize = 70;
        plot.Axes.SetLimitsX(0, degradations.Length * width);
        plot.Grid.XAxisStyle.IsVisible = false;
        plot.YLabel(rows[0].SigmaY > 0 ? FormattableString.Invariant($"PSNR (dB), noise {rows[0].SigmaY}") : "PSNR (dB)", 15);
        plot.ShowLegend(Edge.Right).Legend.FontSize = 14;
        return plot.GetImageBytes(Math.Max(900, 220 + 180 * degradations.Length), 560, ImageFormat.Png);
    }

    // H⁺y across its column, so that it can be seen what a method adds.
    private static void AddBaseline(Plot plot, double left, double width, double value)
    {
        var line = plot.Add.Line(left, value, left + width, value);
        (line.Color, line.LineWidth, line.LinePattern) = (Colors.Black.WithAlpha(0.5), 1, LinePattern.Dashed);
    }

    private static void AddIntervals(Plot plot, double[] at, ComparisonRow[] rows, Color color)
    {
        foreach (var (x, row) in at.Zip(rows))
            if (double.IsFinite(row.Psnr.Low) && double.IsFinite(row.Psnr.High)) // one image has no interval
            {
                var line = plot.Add.Line(x, row.Psnr.Low, x, row.Psnr.High);
                (line.Color, line.LineWidth) = (color, 2);
            }
    }
}

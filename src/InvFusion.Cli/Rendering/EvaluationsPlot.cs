using InvFusion.Degradations;
using InvFusion.Evaluation;
using ScottPlot;

namespace InvFusion.Cli.Rendering;

/// <summary>Quality against evaluations as a picture: a row of plots for each degradation, one for each metric, with a line for each method and its 95 % intervals.</summary>
internal static class EvaluationsPlot
{
    private const int Width = 460; // of one plot
    private const int Height = 340;

    public static void Save(IReadOnlyList<EvaluationsRow> rows, string path)
    {
        PlotFont.Use();
        var metrics = EvaluationsRow.MetricNames(rows).Where(m => rows.Any(r => r.Value(m) is not null)).ToArray();
        var degradations = rows.Select(r => r.Degradation).Distinct().ToArray();
        var methods = rows.Select(r => r.Method).Distinct().ToArray();
        var all = new Multiplot();
        all.AddPlots(degradations.Length * metrics.Length);
        all.Layout = new ScottPlot.MultiplotLayouts.Grid(degradations.Length, metrics.Length);
        foreach (var (d, degradation) in degradations.Index())
        foreach (var (m, metric) in metrics.Index())
            Fill(
                all.GetPlot(d * metrics.Length + m),
                [.. rows.Where(r => r.Degradation == degradation)],
                metric,
                methods,
                legend: m == metrics.Length - 1
            );
        all.SavePng(path, Width * metrics.Length, Height * degradations.Length);
    }

    private static void Fill(Plot plot, EvaluationsRow[] rows, string metric, string[] methods, bool legend)
    {
        foreach (var (i, method) in methods.Index())
        {
            var points = rows.Where(r => r.Method == method && r.Value(metric) is { } v && double.IsFinite(v.Mean))
                .OrderBy(r => r.Evaluations)
                .Select(r => (At: Math.Log10(r.Evaluations), Value: r.Value(metric)!.Value))
                .ToArray();
            if (points.Length == 0)
                continue;
            var color = plot.Add.Palette.GetColor(i);
            var line = plot.Add.Scatter(points.Select(p => p.At).ToArray(), points.Select(p => p.Value.Mean).ToArray(), color);
            (line.LineWidth, line.LegendText) = (2, method);
            foreach (var (at, value) in points.Where(p => double.IsFinite(p.Value.Low)))
                plot.Add.Line(at, value.Low, at, value.High).Color = color;
        }
        var ticks = rows.Select(r => r.Evaluations).Distinct().Select(e => new Tick(Math.Log10(e), FormattableString.Invariant($"{e}")));
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericManual([.. ticks]);
        plot.Title(DegradationSpec.Parse(rows[0].Degradation).Title, 13);
        plot.XLabel("evaluations", 13);
        plot.YLabel(metric, 13);
        if (legend)
            plot.ShowLegend(Edge.Right);
        else
            plot.HideLegend();
        Limit(plot, [.. rows.Select(r => r.Value(metric)?.Mean ?? double.NaN).Where(double.IsFinite).Order()]);
    }

    // Heun's few steps are so far off that nothing else could be told apart beside them: an eighth of the points at either end may leave the picture.
    private static void Limit(Plot plot, double[] values)
    {
        if (values.Length == 0)
            return;
        var (low, high) = (values[values.Length / 8], values[values.Length - 1 - values.Length / 8]);
        if (high > low)
            plot.Axes.SetLimitsY(low - 0.2 * (high - low), high + 0.2 * (high - low));
    }
}

using InvFusion.Evaluation.Posteriors;
using ScottPlot;

namespace InvFusion.Cli.Rendering;

/// <summary>The bench of known posteriors as bars: for each method the median over the operators of its sliced Wasserstein distance.</summary>
internal static class PosteriorPlot
{
    private const double Largest = 3; // what diverged reaches the top

    public static void Save(IReadOnlyList<PosteriorRow> rows, string path)
    {
        PlotFont.Use();
        var shown = rows.Where(r => !r.PointEstimate).ToArray();
        var methods = shown.Select(r => r.Method).Distinct().ToArray();
        var groups = shown.Select(r => (r.Prior, r.SigmaY)).Distinct().ToArray();
        var plot = new Plot();
        foreach (var (g, group) in groups.Index())
        {
            var bars = methods.Select(
                (method, m) =>
                    new Bar
                    {
                        Position = m * (groups.Length + 1) + g,
                        Value = Math.Min(Largest, Median(shown, method, group)),
                        FillColor = plot.Add.Palette.GetColor(g),
                    }
            );
            plot.Add.Bars(bars.ToList()).LegendText = FormattableString.Invariant($"{group.Prior}, noise {group.SigmaY}");
        }
        var ticks = methods.Select((method, m) => new Tick(m * (groups.Length + 1) + (groups.Length - 1) / 2.0, method));
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericManual([.. ticks]);
        plot.Axes.Bottom.TickLabelStyle.Rotation = 30;
        plot.Axes.Bottom.TickLabelStyle.Alignment = Alignment.UpperLeft;
        plot.Axes.Bottom.MinimumSize = 110;
        plot.Axes.Right.MinimumSize = 80;
        plot.Axes.SetLimitsY(0, Largest);
        plot.YLabel("sliced Wasserstein / posterior std, median");
        plot.ShowLegend(Alignment.UpperRight);
        plot.SavePng(path, 1200, 600);
    }

    private static double Median(PosteriorRow[] rows, string method, (string Prior, double SigmaY) group) =>
        PosteriorRow.Median(
            rows.Where(r => r.Method == method && (r.Prior, r.SigmaY) == group)
                .Select(r => r.Distance?.SlicedWasserstein ?? double.PositiveInfinity)
                .DefaultIfEmpty(0)
        );
}

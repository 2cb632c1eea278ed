using System.Diagnostics;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Evaluation.Speed;

/// <summary>Measures how fast the parts of the program and whole jobs are on this machine's processors, as shares of what its matrix products reach.</summary>
public sealed class SpeedBench
{
    private const double WarmUpSeconds = 0.5;
    private const double LeastSeconds = 0.02; // of a repetition
    private const double QuickSeconds = 0.001;
    private const int MostCalls = 1000;
    private readonly SpeedOptions _options;
    private readonly (SpeedPart Part, IReadOnlyList<SpeedNetwork> Networks)[] _plan;

    /// <summary>Decides what is measured.</summary>
    /// <exception cref="ConfigurationException">An option is wrong.</exception>
    /// <exception cref="DataFormatException">A model is missing or damaged.</exception>
    public SpeedBench(SpeedOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
        var wanted = options.Parts.Select(SpeedParts.Find).ToHashSet();
        var parts = SpeedParts.All.Where(p => wanted.Count == 0 || wanted.Contains(p) || p == SpeedParts.Peak);
        _plan = [.. parts.Select(p => (p, p.Networks(options)))];
    }

    /// <summary>Measures. libtorch must have been started, with as many threads as it is to use.</summary>
    /// <param name="progress">Told the report so far after every row.</param>
    /// <param name="cancellation">Ends the work; rows that are done are kept.</param>
    /// <returns>The report; not complete when it was cancelled.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled before there was a row.</exception>
    public SpeedReport Run(IProgress<SpeedReport>? progress = null, CancellationToken cancellation = default)
    {
        using var noGrad = no_grad();
        var report = SpeedReport.Begin(_options);
        try
        {
            foreach (var (part, networks) in _plan)
            {
                var rows = part.Cases(new(_options, networks, cancellation)).Select(c => Measure(part.Name, c, cancellation));
                if (part == SpeedParts.Peak)
                    report = report.WithPeaksOf(rows = rows.ToArray());
                foreach (var row in rows)
                    progress?.Report(report = report.With(row));
            }
            return report with { Complete = true };
        }
        catch (OperationCanceledException) when (report.Rows.Count > 0)
        {
            return report;
        }
    }

    private SpeedRow Measure(string part, SpeedCase work, CancellationToken cancellation)
    {
        var load = HostDescription.Load;
        PeakMemory.Mark();
        var seconds = new double[work.Once ? 1 : _options.RepeatCount];
        var calls = work.Once ? 1 : CallsOf(work);
        for (var i = 0; i < seconds.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            seconds[i] = Time(work, calls);
        }
        var median = Median.Of(seconds);
        return new()
        {
            Part = part,
            Name = work.Name,
            Precision = work.Precision,
            Repeats = seconds.Length,
            Seconds = median,
            MinSeconds = seconds.Min(),
            MultiplyAdds = work.MultiplyAdds,
            Gflops = 2e-9 * work.MultiplyAdds / median,
            PeakMegabytes = PeakMemory.Megabytes,
            Load = load,
        };
    }

    // Warms up until .NET has compiled for speed what it compiles in haste at first. What is short is called several times in a repetition, for the clock and the
    // caches.
    private int CallsOf(SpeedCase work)
    {
        var seconds = Time(work, 1);
        var total = seconds;
        for (var done = 1; !_options.Quick && (done < work.WarmUps || total < WarmUpSeconds); done++, total += seconds)
            seconds = Time(work, 1);
        return (int)Math.Clamp((_options.Quick ? QuickSeconds : LeastSeconds) / seconds, 1, MostCalls);
    }

    private static double Time(SpeedCase work, int calls)
    {
        using var pause = work.Managed ? default : CollectionPause.Begin();
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < calls; i++)
        {
            using var scope = NewDisposeScope();
            work.Work();
        }
        return clock.Elapsed.TotalSeconds / calls;
    }
}

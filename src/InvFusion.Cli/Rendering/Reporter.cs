using System.Diagnostics;
using InvFusion.Formats.IO;
using Spectre.Console;

namespace InvFusion.Cli.Rendering;

/// <summary>Progress and messages on the error stream: a bar on a terminal, plain lines elsewhere or when wanted, nothing when quiet.</summary>
internal sealed class Reporter(bool quiet, bool plain = false)
{
    private const double MostSeconds = 1e10; // three hundred years; what is longer, or not known yet, is no time
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(5);
    private readonly IAnsiConsole _console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });

    /// <summary>Runs work that reports (done, total).</summary>
    /// <param name="title">What it is.</param>
    /// <param name="unit">What is counted.</param>
    /// <param name="work">The work.</param>
    /// <param name="aside">Whether it is beside the point, so that its end is no line where it takes no time.</param>
    public T Run<T>(string title, string unit, Func<IProgress<(double Done, double Total)>, T> work, bool aside = false)
    {
        if (quiet)
            return work(new Sink(_ => { }));
        return plain || Console.IsErrorRedirected ? work(new Sink(Lines(title, unit, aside))) : Bar(title, work);
    }

    /// <summary>One line for the user.</summary>
    public void Line(string text)
    {
        if (!quiet)
            Console.Error.WriteLine(Names.Line(text));
    }

    /// <summary>Lines for the user.</summary>
    public void Lines(IEnumerable<string> texts)
    {
        foreach (var text in texts)
            Line(text);
    }

    private T Bar<T>(string title, Func<IProgress<(double Done, double Total)>, T> work) =>
        _console
            .Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                var task = context.AddTask(Markup.Escape(title));
                return work(new Sink(p => (task.MaxValue, task.Value) = (Math.Max(p.Total, 1), p.Done)));
            });

    private static Action<(double Done, double Total)> Lines(string title, string unit, bool aside)
    {
        var clock = Stopwatch.StartNew(); // the time of day may be set back
        var last = TimeSpan.Zero;
        return p =>
        {
            var now = clock.Elapsed;
            if (now - last < LineInterval && (aside || p.Done < p.Total))
                return;
            last = now;
            var rate = p.Done / now.TotalSeconds;
            Console.Error.WriteLine(
                $"{title}: {p.Done:0} of {p.Total:0} {unit}, {rate:0.0} a second, {Time((p.Total - p.Done) / rate)} left"
            );
        };
    }

    /// <summary>A time as days, hours, minutes and seconds.</summary>
    public static string Time(double seconds) =>
        seconds < MostSeconds ? TimeSpan.FromSeconds(Math.Round(seconds)).ToString() : "unknown time";

    private sealed class Sink(Action<(double Done, double Total)> report) : IProgress<(double Done, double Total)>
    {
        public void Report((double Done, double Total) value) => report(value);
    }
}

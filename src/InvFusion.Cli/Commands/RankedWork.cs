using System.CommandLine;
using InvFusion.Cli.Rendering;
using InvFusion.Distributed;

namespace InvFusion.Cli.Commands;

/// <summary>Work that the processes of mpirun or srun do together; one process alone is the usual case.</summary>
internal static class RankedWork
{
    /// <summary>Runs the work on every rank. An error on one ends them all: the others would wait for it for ever.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="shared">Its options.</param>
    /// <param name="afterDeath">What to do when a rank has died.</param>
    /// <param name="work">The work; libtorch is started, with this rank's part of the processors.</param>
    public static int Run(ParseResult parsed, SharedOptions shared, string afterDeath, Func<ICollective, Reporter, int> work)
    {
        var ranks = Collectives.Start(message => Console.Error.WriteLine($"error: {message}; {afterDeath}"));
        int code;
        try
        {
            var reporter = new Reporter(parsed.GetValue(shared.Quiet) || !ranks.IsFirst(), plain: ranks.Size > 1);
            shared.StartTorch(parsed, ranks);
            if (ranks.Size > 1)
                reporter.Line(Describe(ranks, parsed.GetValue(shared.Threads)));
            code = work(ranks, reporter);
        }
        catch (Exception error) when (ranks.Size > 1)
        {
            // Not by unwinding: to leave in order is to wait for the others.
            ErrorLine.Print(error, parsed.GetValue(shared.Verbose), $"rank {ranks.Rank}: ");
            ranks.Abort(ExitCode.Of(error));
            throw; // not reached: the process has ended
        }
        ranks.Dispose();
        return code;
    }

    private static string Describe(ICollective ranks, int threads)
    {
        var own = ranks.Processors.Own;
        var line = $"{ranks.Size} ranks, threads of each: {(threads > 0 ? threads : own)}";
        return own < ranks.Processors.Fair
            ? $"{line}; the launcher binds a rank to {own} of the {ranks.Processors.Fair} processors it could have: 'mpirun --bind-to none' lets it"
            : line;
    }
}

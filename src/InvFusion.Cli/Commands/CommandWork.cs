using System.CommandLine;

namespace InvFusion.Cli.Commands;

/// <summary>How a command's work is run.</summary>
internal static class CommandWork
{
    /// <summary>Runs the work on another thread: only then does Ctrl-C reach the token while the work is running.</summary>
    public static void SetWork(this Command command, Func<ParseResult, CancellationToken, int> work) =>
        command.SetAction((parsed, cancellation) => Task.Run(() => work(parsed, cancellation), CancellationToken.None));
}

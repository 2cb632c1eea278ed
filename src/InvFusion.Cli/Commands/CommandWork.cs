using System.CommandLine;
using InvFusion.Runtime;

namespace InvFusion.Cli.Commands;

/// <summary>How a command's work is run.</summary>
internal static class CommandWork
{
    // Whoever sends SIGTERM waits about that long before SIGKILL, or a user before the next Ctrl-C.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1.5);

    /// <summary>Runs the work on another thread: only then does Ctrl-C reach the token while the work is running.</summary>
    /// <param name="command">The command.</param>
    /// <param name="work">The work.</param>
    /// <param name="keeps">
    /// Whether what is done so far is written only when the token is seen. Other work has it on the disk, whole, and is ended where it stands if it does not see the
    /// token soon: between two looks there may be a large network, an operator's decomposition or a slow disk.
    /// </param>
    public static void SetWork(this Command command, Func<ParseResult, CancellationToken, int> work, bool keeps = false) =>
        command.SetAction(
            (parsed, cancellation) =>
                Task.Run(
                    () =>
                    {
                        using var end = keeps ? default : cancellation.Register(EndSoon);
                        return work(parsed, cancellation);
                    },
                    CancellationToken.None
                )
        );

    private static void EndSoon() =>
        new Thread(() =>
        {
            Thread.Sleep(Patience);
            Console.Error.WriteLine("cancelled");
            TorchRuntime.Exit(ExitCode.Cancelled);
            Environment.Exit(ExitCode.Cancelled);
        })
        {
            IsBackground = true,
        }.Start();
}

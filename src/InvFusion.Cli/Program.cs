using System.CommandLine;
using System.Runtime.InteropServices;
using InvFusion.Cli;
using InvFusion.Cli.Commands;
using InvFusion.Cli.Rendering;
using InvFusion.Runtime;

if (Environment.GetEnvironmentVariable("OMPI_COMM_WORLD_SIZE") is not null)
    Environment.SetEnvironmentVariable("TERM", "dumb"); // OpenMPI gives its ranks a terminal, and the lines of all would get its control codes

StandardStreams.Protect();

// Beyond a limit of the shell on the size of files: an error of the write, which names the file, instead of the end of the process.
const int FileSizeSignal = 25; // SIGXFSZ of Linux and macOS
using var tooLarge = OperatingSystem.IsWindows()
    ? null
    : PosixSignalRegistration.Create((PosixSignal)FileSizeSignal, context => context.Cancel = true);
using var stop = new CancellationTokenSource();
using var hangup = Hangup.Cancels(stop);
var root = new RootCommand("Restores images under known linear degradations with one degradation-aware diffusion network (InvFusion).");
foreach (var command in CommandTable.Create())
    root.Add(command);
var parsed = root.Parse(args);
if (UsageErrors.First(parsed) is { } wrong)
{
    Console.Error.WriteLine($"error: {wrong} ('invfusion --help' lists commands and options)");
    return ExitCode.Usage;
}
try
{
    // Ctrl-C asks the command to end with what is done; the wait must cover a checkpoint of a large network.
    var invocation = new InvocationConfiguration
    {
        EnableDefaultExceptionHandler = false,
        ProcessTerminationTimeout = TimeSpan.FromMinutes(5),
    };
    var code = await parsed.InvokeAsync(invocation, stop.Token);
    TorchRuntime.Exit(code);
    return code;
}
catch (Exception error)
{
    ErrorLine.Print(error, args.Contains("--verbose"));
    return ExitCode.Of(error);
}

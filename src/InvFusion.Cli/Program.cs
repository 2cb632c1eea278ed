using System.CommandLine;
using InvFusion.Cli;
using InvFusion.Cli.Commands;

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
    return await parsed.InvokeAsync(invocation);
}
catch (Exception error)
{
    Console.Error.WriteLine(error is OperationCanceledException ? "cancelled" : $"error: {error.Message.ReplaceLineEndings(" ")}");
    if (args.Contains("--verbose"))
        Console.Error.WriteLine(error);
    return ExitCode.Of(error);
}

using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace InvFusion.Cli.Tests;

/// <summary>A process of the built program whose output is collected.</summary>
internal sealed partial class RunningProgram : IDisposable
{
    private const int Hangup = 1; // SIGHUP, the end of a terminal
    private const int Interrupt = 2; // SIGINT, what Ctrl-C sends
    private const int Termination = 15; // SIGTERM
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4); // many times what an idle machine needs
    private readonly Process _process;
    private readonly StringBuilder _error = new();
    private readonly Task<string> _output;
    private readonly TaskCompletionSource _awaited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _errors;

    /// <summary>Starts a command; <paramref name="awaited"/> is asked of every line of the error stream, see <see cref="Awaited"/>.</summary>
    public RunningProgram(ProcessStartInfo start, Func<string, bool>? awaited = null)
    {
        start.RedirectStandardOutput = start.RedirectStandardError = start.RedirectStandardInput = true;
        // The files are tiny: more threads would only wait for each other.
        start.Environment["OMP_NUM_THREADS"] = "1";
        start.Environment["INVFUSION_CACHE"] = Path.Combine(start.WorkingDirectory, "cache"); // no weights of the machine's user
        _process = Process.Start(start)!;
        _process.StandardInput.Close();
        _output = _process.StandardOutput.ReadToEndAsync();
        _errors = CollectErrors(awaited ?? (_ => false));
    }

    /// <summary>The built program, as a command.</summary>
    public static ProcessStartInfo Command(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet") { WorkingDirectory = folder };
        start.ArgumentList.Add(Dll);
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        return start;
    }

    /// <summary>The program's file.</summary>
    public static string Dll => Path.Combine(AppContext.BaseDirectory, "InvFusion.Cli.dll");

    /// <summary>Waits until a line of the error stream was the awaited one, or the program has ended.</summary>
    public async Task Awaited() => await Task.WhenAny(_awaited.Task, _errors).WaitAsync(Patience);

    /// <summary>Whether it has ended.</summary>
    public bool Ended => _process.HasExited;

    /// <summary>Number of the process.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has libtorch; on Linux, elsewhere whether it runs.</summary>
    public bool HasLoadedTorch => !OperatingSystem.IsLinux() || File.ReadAllText($"/proc/{Id}/maps").Contains("LibTorchSharp");

    /// <summary>Takes its terminal away.</summary>
    public void HangUp() => _ = Kill(_process.Id, Hangup);

    /// <summary>Presses Ctrl-C.</summary>
    public void PressCtrlC() => _ = Kill(_process.Id, Interrupt);

    /// <summary>Asks the program to end, as a queue system or a container does.</summary>
    public void Terminate() => _ = Kill(_process.Id, Termination);

    /// <summary>Waits for the end.</summary>
    public async Task<CliResult> End()
    {
        try
        {
            await Task.WhenAll(_process.WaitForExitAsync(), _errors, _output).WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"the program did not end; so far: {_error}");
        }
        return new(_process.ExitCode, await _output, _error.ToString());
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    private async Task CollectErrors(Func<string, bool> awaited)
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            _error.Append(line).Append('\n');
            if (awaited(line))
                _awaited.TrySetResult();
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}

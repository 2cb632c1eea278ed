using System.Globalization;
using System.Runtime.InteropServices;

namespace InvFusion.Cli;

/// <summary>The end of the terminal or of the connection (SIGHUP) ends a command as SIGTERM does.</summary>
internal static class Hangup
{
    /// <summary>Cancels the source at SIGHUP; null where the program was started to survive it (<c>nohup</c>), and on Windows.</summary>
    public static PosixSignalRegistration? Cancels(CancellationTokenSource source) =>
        OperatingSystem.IsWindows() || IsIgnored()
            ? null
            : PosixSignalRegistration.Create(
                PosixSignal.SIGHUP,
                context =>
                {
                    context.Cancel = true;
                    source.Cancel();
                }
            );

    // A handler would take the place of nohup's choice. The mask is hexadecimal, SIGHUP its lowest bit.
    private static bool IsIgnored()
    {
        const string Status = "/proc/self/status";
        const string Field = "SigIgn:";
        if (!File.Exists(Status))
            return false;
        var mask = File.ReadLines(Status).FirstOrDefault(line => line.StartsWith(Field, StringComparison.Ordinal))?[Field.Length..].Trim();
        return ulong.TryParse(mask, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var ignored) && (ignored & 1) != 0;
    }
}

using System.Diagnostics;
using System.Runtime.InteropServices;

namespace InvFusion.Evaluation;

/// <summary>
/// The largest resident memory of this process: programs, weights and all. On Linux with glibc it can be asked since a mark; elsewhere it is that since the
/// start, which only grows.
/// </summary>
internal static partial class PeakMemory
{
    private const string ClearReferences = "/proc/self/clear_refs";
    private const string ForgetPeak = "5";

    /// <summary>Gives freed memory back to the system and begins anew, where the system lets it.</summary>
    public static void Mark()
    {
        if (!OperatingSystem.IsLinux())
            return;
        try
        {
            _ = Trim(0); // the allocator keeps what earlier work has freed, and that is not this work's
            File.WriteAllText(ClearReferences, ForgetPeak);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or EntryPointNotFoundException or DllNotFoundException)
        {
            // The peak since the start is still a true bound.
        }
    }

    /// <summary>In millions of bytes.</summary>
    public static double Megabytes
    {
        get
        {
            using var process = Process.GetCurrentProcess();
            return process.PeakWorkingSet64 / 1e6;
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint keep);
}

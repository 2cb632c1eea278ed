using System.Globalization;
using System.Runtime.InteropServices;

namespace InvFusion.Evaluation.Speed;

/// <summary>What figures of speed depend on beside the program.</summary>
internal static class HostDescription
{
    /// <summary>The processor as the system names it, and how many of it this process may use.</summary>
    public static string Processor { get; } =
        $"{Find("/proc/cpuinfo", line => line.StartsWith("model name", StringComparison.Ordinal) ? line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim() : null) ?? RuntimeInformation.ProcessArchitecture.ToString()}, {Environment.ProcessorCount} processors";

    /// <summary>Load average of the last minute, or null where the system does not tell.</summary>
    public static double? Load =>
        double.TryParse(Find("/proc/loadavg", line => line.Split(' ')[0]), NumberStyles.Float, CultureInfo.InvariantCulture, out var load)
            ? load
            : null;

    private static string? Find(string file, Func<string, string?> value)
    {
        try
        {
            return File.Exists(file) ? File.ReadLines(file).Select(value).FirstOrDefault(v => v is not null) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

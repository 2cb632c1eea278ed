using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace InvFusion.Formats.IO;

/// <summary>Names of files that are still being written. A name says which process of which host writes it, so that what a killed one has left can be swept.</summary>
internal static partial class TemporaryFiles
{
    private static readonly string Host = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Environment.MachineName)))[..8];
    private static readonly ConcurrentDictionary<string, Lazy<bool>> Swept = new();
    private static int _count;

    /// <summary>A name beside a file that nobody else uses.</summary>
    public static string NameFor(string full) =>
        string.Create(CultureInfo.InvariantCulture, $"{full}.{Host}-{Environment.ProcessId}-{Interlocked.Increment(ref _count)}.tmp");

    /// <summary>Deletes what killed processes of this host have left in a folder, once for each folder: others may write there for hours.</summary>
    public static void Sweep(string folder) => _ = Swept.GetOrAdd(folder, static f => new(() => Delete(f))).Value;

    private static bool Delete(string folder)
    {
        try
        {
            foreach (var file in Directory.EnumerateFiles(folder, "*.tmp").Where(IsLeft))
                File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Rubbish that stays is no reason not to write.
        }
        return true;
    }

    private static bool IsLeft(string file)
    {
        var match = Name().Match(file);
        return match.Success && match.Groups[1].Value == Host && !IsAlive(match.Groups[2].Value) && IsFree(file);
    }

    // This process has not written in the folder yet: a file with its number is of an earlier one.
    private static bool IsAlive(string process)
    {
        if (!int.TryParse(process, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            return true;
        try
        {
            using var found = Process.GetProcessById(id);
            return id != Environment.ProcessId;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    // Processes of another container on this host cannot be seen; a file that one writes is locked.
    private static bool IsFree(string file)
    {
        try
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.None);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    [GeneratedRegex(@"\.([0-9a-f]{8})-(\d+)-\d+\.tmp$")]
    private static partial Regex Name();
}

using System.Diagnostics;

namespace InvFusion.Fuzz;

/// <summary>Reads spoiled files on all cores and keeps those that are met with anything but a file or an error of its format, within time and memory.</summary>
/// <param name="findings">The folder for what was found.</param>
/// <param name="deadline">When to end, whatever is left.</param>
internal sealed class Fuzzer(string findings, DateTime deadline)
{
    private const long MostBytes = 256 << 20; // of managed memory, for one file of some kilobytes
    private static readonly TimeSpan MostTime = TimeSpan.FromSeconds(2);
    private int _found;

    /// <summary>What was found.</summary>
    public int Found => _found;

    /// <summary>Reads so many mutations of a format's seeds.</summary>
    public void Run(FuzzFormat format, int mutations, int seed)
    {
        var (read, refused) = (0, 0);
        var clock = Stopwatch.StartNew();
        Parallel.For(
            0,
            Environment.ProcessorCount,
            worker =>
            {
                var folder = TemporaryFolder();
                try
                {
                    for (var i = worker; i < mutations && DateTime.UtcNow < deadline; i += Environment.ProcessorCount)
                    {
                        var content = Mutator.Mutate(new Random(HashCode.Combine(seed, i)), format.Seeds);
                        format.Repair?.Invoke(content);
                        if (Read(format, content, folder.FullName) is not { } outcome)
                            Interlocked.Increment(ref refused);
                        else if (outcome.Length > 0)
                            Keep(format, content, outcome);
                        Interlocked.Increment(ref read);
                    }
                }
                finally
                {
                    folder.Delete(recursive: true);
                }
            }
        );
        Console.WriteLine($"{format.Name, -12} {read} mutations, {refused} refused, {clock.Elapsed.TotalSeconds:F1} s");
    }

    /// <summary>Reads a file.</summary>
    /// <returns>Null where it was refused as it should be, nothing where it was read, else what is wrong.</returns>
    public static string? Read(FuzzFormat format, byte[] content, string folder)
    {
        // What else the machine does may take the time of a try, not that of three.
        for (var tries = 3; ; tries--)
        {
            var clock = Stopwatch.StartNew();
            var outcome = Try(format, content, folder);
            if (clock.Elapsed < MostTime)
                return outcome;
            if (tries == 1)
                return $"took {clock.Elapsed.TotalSeconds:F1} s";
        }
    }

    /// <summary>A new folder, in memory where the system has one there: most of the time would go to the disk.</summary>
    public static DirectoryInfo TemporaryFolder() =>
        Directory.Exists("/dev/shm")
            ? Directory.CreateDirectory($"/dev/shm/invfusion-fuzz-{Guid.NewGuid():N}")
            : Directory.CreateTempSubdirectory("invfusion-fuzz-");

    private static string? Try(FuzzFormat format, byte[] content, string folder)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        string? outcome = "";
        try
        {
            format.Read(new(content, folder));
        }
        catch (InvFusionException e)
        {
            outcome = e.Message.All(c => !char.IsControl(c)) && e.Message.Length < 2000 ? null : "the message is not one plain line";
            if (e.InnerException is OutOfMemoryException)
                outcome = "out of memory";
        }
        catch (Exception e)
        {
            outcome = $"{e}";
        }
        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        return bytes > MostBytes ? $"took {bytes >> 20} MiB" : outcome;
    }

    private void Keep(FuzzFormat format, byte[] content, string what)
    {
        var number = Interlocked.Increment(ref _found);
        Directory.CreateDirectory(findings);
        var path = Path.Combine(findings, $"{format.Name}-{number}");
        File.WriteAllBytes(path, content);
        Console.WriteLine($"{path}: {what}");
        if (number >= 100)
            throw new InvalidOperationException("more than 100 findings; mend those first");
    }
}

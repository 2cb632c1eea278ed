using System.Diagnostics;

namespace InvFusion.Fuzz;

/// <summary>Reads given files once.</summary>
internal static class Replay
{
    public static int Run(IReadOnlyList<FuzzFormat> formats, IReadOnlyList<string> files)
    {
        var failed = 0;
        var folder = Fuzzer.TemporaryFolder();
        foreach (var file in files)
        foreach (
            var format in formats.Where(f => formats.Count == 1 || Path.GetFileName(file).StartsWith(f.Name, StringComparison.Ordinal))
        )
        {
            var clock = Stopwatch.StartNew();
            var outcome = Fuzzer.Read(format, File.ReadAllBytes(file), folder.FullName);
            Console.WriteLine(
                $"{file}: {outcome switch { null => "refused", "" => "read", _ => outcome }} ({format.Name}, {clock.Elapsed.TotalSeconds:F2} s)"
            );
            failed += outcome is null or "" ? 0 : 1;
        }
        folder.Delete(recursive: true);
        return failed == 0 ? 0 : 1;
    }
}

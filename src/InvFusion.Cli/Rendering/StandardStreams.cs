namespace InvFusion.Cli.Rendering;

/// <summary>The streams that a program is started with, or without.</summary>
internal static class StandardStreams
{
    private const int Output = 1;
    private const int Error = 2;

    /// <summary>Makes messages and progress harmless where nobody takes them.</summary>
    public static void Protect()
    {
        if (IsOurs(Output))
            Console.SetOut(TextWriter.Null);
        Console.SetError(IsOurs(Error) ? TextWriter.Null : new ForgivingWriter(Console.Error));
    }

    // A program that is started with closed streams gets their numbers for the first files that it opens. One of them is a pipe through which the runtime talks
    // to itself: what is written there must not be ours. It is known by its other end, which no stream from outside has in this process.
    private static bool IsOurs(int descriptor)
    {
        const string Folder = "/proc/self/fd";
        try
        {
            if (
                !OperatingSystem.IsLinux()
                || Target($"{Folder}/{descriptor}") is not { } pipe
                || !pipe.StartsWith("pipe:", StringComparison.Ordinal)
            )
                return false;
            return Directory
                .GetFileSystemEntries(Folder)
                .Any(other => Path.GetFileName(other) != $"{descriptor}" && Target(other) == pipe && IsForReading(Path.GetFileName(other)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // no /proc
        }
    }

    private static string? Target(string link) => new FileInfo(link).LinkTarget;

    // The flags are octal, and 0 in the last two bits is reading alone.
    private static bool IsForReading(string descriptor) =>
        File.ReadLines($"/proc/self/fdinfo/{descriptor}").FirstOrDefault(l => l.StartsWith("flags:", StringComparison.Ordinal)) is { } flags
        && (flags[^1] - '0' & 3) == 0;
}

namespace InvFusion.Cli.Rendering;

/// <summary>A single file that a command writes.</summary>
internal static class OutputFile
{
    /// <summary>Refuses what no file is called, before hours are spent on what should go there.</summary>
    /// <param name="option">The option or argument, for messages.</param>
    /// <param name="path">What was given.</param>
    /// <returns>The path.</returns>
    /// <exception cref="UsageException">It is empty, - or a folder.</exception>
    public static string Require(string option, string path) =>
        string.IsNullOrWhiteSpace(path) ? throw new UsageException($"{option}: is empty; name a file")
        : path == "-" ? throw new UsageException($"{option} -: cannot be the standard output; name a file")
        : Directory.Exists(path) || Path.EndsInDirectorySeparator(path)
            ? throw new UsageException($"{option} {path}: is a folder; name a file")
        : path;
}

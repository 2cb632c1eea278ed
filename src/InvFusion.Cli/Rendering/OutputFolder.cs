using InvFusion.Formats.IO;

namespace InvFusion.Cli.Rendering;

/// <summary>The folder that results go to.</summary>
internal static class OutputFolder
{
    /// <summary>Makes sure that the folder can be written, before hours are spent on what should go there.</summary>
    /// <exception cref="DataFormatException">It cannot.</exception>
    public static void Require(string folder)
    {
        if (File.Exists(folder))
            throw new DataFormatException($"--out {folder}: is a file; name a folder");
        try
        {
            Directory.CreateDirectory(folder);
            var probe = Path.Combine(folder, $".probe-{Environment.ProcessId}");
            AtomicFile.WriteAllText(probe, "");
            File.Delete(probe);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DataFormatException)
        {
            throw new DataFormatException(
                $"--out {folder}: cannot be written; name another folder, or check free space and permissions",
                e
            );
        }
    }
}

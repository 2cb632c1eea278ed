using InvFusion.Formats.IO;

namespace InvFusion.Cli.Rendering;

/// <summary>The folder that results go to.</summary>
internal static class OutputFolder
{
    private static readonly string[] FileExtensions =
    [
        .. ".png .jpg .jpeg .webp .bmp .gif .tif .tiff .npy .npz .json .csv .md .zip .ifds .safetensors".Split(' '),
    ];

    /// <summary>Refuses what no folder is called, before anything is read.</summary>
    /// <exception cref="UsageException">It is empty, - or the name of a file.</exception>
    public static void RequireName(string folder)
    {
        if (string.IsNullOrWhiteSpace(folder))
            throw new UsageException("--out: is empty; name a folder");
        if (folder == "-")
            throw new UsageException("--out -: the results are several files, which the standard output cannot take; name a folder");
        var extension = Path.GetExtension(folder);
        if (!Directory.Exists(folder) && FileExtensions.Contains(extension, StringComparer.OrdinalIgnoreCase))
            throw new UsageException($"--out {folder}: is called like a file, and the results go into a folder; leave '{extension}' out");
    }

    /// <summary>Makes sure that the folder can be written, before hours are spent on what should go there.</summary>
    /// <exception cref="DataFormatException">It cannot.</exception>
    /// <exception cref="UsageException">See <see cref="RequireName"/>.</exception>
    public static void Require(string folder)
    {
        RequireName(folder);
        if (File.Exists(folder))
            throw new DataFormatException($"--out {folder}: is a file; name a folder");
        try
        {
            Directory.CreateDirectory(folder);
            var probe = Path.Combine(folder, ".probe");
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

namespace InvFusion.Formats.IO;

/// <summary>Opens files that a user names. A pipe that nobody writes to would block for ever, a device may never end: both are refused.</summary>
public static class InputFile
{
    /// <summary>What a path is for which <see cref="IsSpecial"/> holds, and the way out.</summary>
    public const string Special = "is a pipe, a socket or a device; save what it gives as a file";

    /// <summary>Opens a regular file for reading in any order.</summary>
    /// <param name="path">The file, links are followed.</param>
    /// <param name="bufferSize">Bytes that are read ahead; 0 for none.</param>
    /// <exception cref="IOException">It is missing or cannot be read, or is a pipe, a socket or a device.</exception>
    /// <exception cref="UnauthorizedAccessException">It is a folder or may not be read.</exception>
    public static FileStream OpenRead(string path, int bufferSize = 1 << 16)
    {
        Require(path);
        return new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize);
    }

    /// <summary>The bytes of a regular file.</summary>
    /// <inheritdoc cref="OpenRead"/>
    public static byte[] ReadAllBytes(string path)
    {
        Require(path);
        return File.ReadAllBytes(path);
    }

    /// <summary>The text of a regular file, UTF-8.</summary>
    /// <inheritdoc cref="OpenRead"/>
    public static string ReadAllText(string path)
    {
        Require(path);
        return File.ReadAllText(path);
    }

    /// <summary>Whether it is there and neither a file nor a folder, links followed: a pipe, a socket, a device.</summary>
    public static bool IsSpecial(string path) => OperatingSystem.IsLinux() && FileStatus.IsSpecial(path);

    private static void Require(string path)
    {
        if (IsSpecial(path))
            throw new IOException($"it {Special}");
    }
}

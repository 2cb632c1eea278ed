using System.Runtime.Versioning;
using InvFusion.Formats.IO;

namespace InvFusion.Runtime;

/// <summary>Files on Linux that nobody else can have made or can change.</summary>
[SupportedOSPlatform("linux")]
internal static class PrivateFolder
{
    private const UnixFileMode Own = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>A file of this content in a folder of one's own: 0700, owner and content checked; it is written where it is not there. Null where there can be none.</summary>
    public static string? Keep(string folder, string name, byte[] content)
    {
        var path = Path.Combine(folder, name);
        try
        {
            Directory.CreateDirectory(folder, Own);
            if (!FileStatus.IsOwn(folder) || (File.GetUnixFileMode(folder) & ~Own) != 0)
                return null;
            if (!FileStatus.IsOwn(path) || !Holds(path, content))
                AtomicFile.WriteAllBytes(path, content);
            return path;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DataFormatException)
        {
            return null;
        }
    }

    private static bool Holds(string path, byte[] content) =>
        new FileInfo(path) is { Exists: true } file
        && file.Length == content.Length
        && File.ReadAllBytes(path).AsSpan().SequenceEqual(content);
}

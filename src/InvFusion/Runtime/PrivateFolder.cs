using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using InvFusion.Formats.IO;

namespace InvFusion.Runtime;

/// <summary>Files on Linux that nobody else can have made or can change.</summary>
[SupportedOSPlatform("linux")]
internal static partial class PrivateFolder
{
    private const UnixFileMode Own = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const int Here = -100; // AT_FDCWD
    private const int NoFollow = 0x100; // AT_SYMLINK_NOFOLLOW
    private const uint BasicStats = 0x7ff;
    private const int OwnerOffset = 20; // of struct statx, the same on every processor

    /// <summary>A file of this content in a folder of one's own: 0700, owner and content checked; it is written where it is not there. Null where there can be none.</summary>
    public static string? Keep(string folder, string name, byte[] content)
    {
        var path = Path.Combine(folder, name);
        try
        {
            Directory.CreateDirectory(folder, Own);
            if (!IsOwn(folder) || (File.GetUnixFileMode(folder) & ~Own) != 0)
                return null;
            if (!Holds(path, content))
                AtomicFile.WriteAllBytes(path, content);
            return IsOwn(path) && Holds(path, content) ? path : null;
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

    private static unsafe bool IsOwn(string path)
    {
        var status = stackalloc byte[256];
        return Statx(Here, path, NoFollow, BasicStats, status) == 0 && *(uint*)(status + OwnerOffset) == EffectiveUser();
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Statx(int folder, string path, int flags, uint mask, byte* status);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUser();
}

using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace InvFusion.Formats.IO;

/// <summary>What .NET does not tell of a file on Linux, by <c>statx</c>, whose answer is laid out alike on every processor.</summary>
[SupportedOSPlatform("linux")]
internal static partial class FileStatus
{
    private const int CurrentFolder = -100; // AT_FDCWD
    private const int NoFollow = 0x100; // AT_SYMLINK_NOFOLLOW
    private const uint TypeAndOwner = 0x1 | 0x8; // STATX_TYPE, STATX_UID
    private const int OwnerOffset = 20;
    private const int ModeOffset = 28;
    private const int TypeMask = 0xF000;
    private const int Folder = 0x4000;
    private const int Regular = 0x8000;

    /// <summary>Whether it is there and neither a file nor a folder, links followed: a pipe, a socket, a device.</summary>
    public static bool IsSpecial(string path) =>
        Read(path, follow: true) is { } status && (status.Mode & TypeMask) is not (Regular or Folder);

    /// <summary>Whether it, a link itself and not what it leads to, belongs to the user of this process.</summary>
    public static bool IsOwn(string path) => Read(path, follow: false) is { } status && status.Owner == EffectiveUser();

    private static unsafe (uint Owner, ushort Mode)? Read(string path, bool follow)
    {
        var status = stackalloc byte[256];
        return Statx(CurrentFolder, path, follow ? 0 : NoFollow, TypeAndOwner, status) == 0
            ? (*(uint*)(status + OwnerOffset), *(ushort*)(status + ModeOffset))
            : null;
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Statx(int folder, string path, int flags, uint mask, byte* status);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUser();
}

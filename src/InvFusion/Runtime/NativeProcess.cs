using System.Runtime.InteropServices;

namespace InvFusion.Runtime;

/// <summary>What native libraries see of the process, and its end without their farewells; for Linux and macOS.</summary>
internal static partial class NativeProcess
{
    /// <summary>Sets a variable that native code reads, unless the user has; .NET's own setter does not reach it.</summary>
    public static void Prefer(string variable, string value) => _ = SetEnvironment(variable, value, overwrite: 0);

    /// <summary>Ends the process without running anything more.</summary>
    [LibraryImport("libc", EntryPoint = "_exit")]
    public static partial void ExitNow(int code);

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}

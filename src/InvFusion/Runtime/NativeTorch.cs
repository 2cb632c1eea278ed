using System.Runtime.InteropServices;
using System.Runtime.Loader;
using System.Runtime.Versioning;
using System.Security.Cryptography;

namespace InvFusion.Runtime;

/// <summary>Finds and loads libtorch and TorchSharp's native half before anything touches <c>TorchSharp.torch</c>.</summary>
/// <remarks>
/// TorchSharp's library demands GLIBCXX_3.4.32, which Debian 12 and Ubuntu 22.04 lack, for one symbol that nothing calls. There a copy with
/// that demand marked weak is loaded in its place; where the file loads as it is, nothing is changed. INVFUSION_LIBTORCH names a folder with another
/// libtorch (for example the <c>lib</c> folder of a Python torch with CUDA).
/// </remarks>
internal static class NativeTorch
{
    private const string MissingVersion = "GLIBCXX_3.4.32";
    private const string ShimFile = "libLibTorchSharp.so";
    private const string CpuLibrary = "libtorch_cpu.so";
    private static nint _cpuLibrary;
    private static readonly string[] Libraries = ["libc10.so", CpuLibrary, "libc10_cuda.so", "libtorch_cuda.so", "libtorch.so"];

    /// <summary>Loads the native libraries; does nothing on systems other than Linux, where TorchSharp finds them itself.</summary>
    /// <exception cref="NativeRuntimeException">They cannot be loaded; the message gives the remedy.</exception>
    public static void Load()
    {
        if (!OperatingSystem.IsLinux())
            return;
        var folders = SearchFolders().ToArray();
        var shim = Find(folders, ShimFile) ?? throw Missing(ShimFile, folders);
        var torch = Environment.GetEnvironmentVariable("INVFUSION_LIBTORCH") is { Length: > 0 } chosen
            ? Find([chosen], CpuLibrary) ?? throw Missing($"{CpuLibrary} (INVFUSION_LIBTORCH)", [chosen])
            : Find(folders, CpuLibrary) ?? throw Missing(CpuLibrary, folders);
        try
        {
            foreach (var name in Libraries)
                if (Find([Path.GetDirectoryName(torch)!], name) is { } path)
                {
                    var library = NativeLibrary.Load(path);
                    if (name == CpuLibrary)
                        _cpuLibrary = library;
                }
            if (!NativeLibrary.TryLoad(shim, out var handle))
                handle = LoadWeakenedCopy(shim);
            AssemblyLoadContext.Default.ResolvingUnmanagedDll += (_, name) => name is "LibTorchSharp" or ShimFile ? handle : 0;
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException or IOException or UnauthorizedAccessException)
        {
            throw new NativeRuntimeException(
                $"libtorch cannot be loaded: {e.Message.ReplaceLineEndings(" ")} (needed: 64-bit Linux with glibc 2.28 or newer and libgomp)",
                e
            );
        }
    }

    /// <summary>The address of a function of libtorch or of a library that it needs; null where there is none of that name, and before <see cref="Load"/>.</summary>
    public static nint? Symbol(string name) =>
        _cpuLibrary != 0 && NativeLibrary.TryGetExport(_cpuLibrary, name, out var address) ? address : null;

    [SupportedOSPlatform("linux")]
    private static nint LoadWeakenedCopy(string shim)
    {
        var bytes = File.ReadAllBytes(shim);
        if (ElfVersionNeeds.Weaken(bytes, MissingVersion) == 0)
            return NativeLibrary.Load(shim); // some other reason: let the loader say which
        // Where another user could put a file, a library of his own could lie in its place. The name carries the content's hash: processes share one copy.
        var kept = Path.Combine(UserCache.Folder(), "native");
        if (PrivateFolder.Keep(kept, $"{Convert.ToHexString(SHA256.HashData(bytes))[..16]}-{ShimFile}", bytes) is { } copy)
            return NativeLibrary.Load(copy);
        // No home, or one that cannot be written: a folder for this load alone (mkdtemp, 0700). A loaded library needs its file no more.
        var folder = Directory.CreateTempSubdirectory("invfusion-native-");
        try
        {
            copy = Path.Combine(folder.FullName, ShimFile);
            File.WriteAllBytes(copy, bytes);
            return NativeLibrary.Load(copy);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static IEnumerable<string> SearchFolders()
    {
        var known = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
        var rid = Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native");
        return known.Split(':', StringSplitOptions.RemoveEmptyEntries).Append(AppContext.BaseDirectory).Append(rid);
    }

    private static string? Find(IEnumerable<string> folders, string file) =>
        folders.Select(f => Path.Combine(f, file)).FirstOrDefault(File.Exists);

    private static NativeRuntimeException Missing(string file, IEnumerable<string> folders) =>
        new($"{file} is not in {string.Join(", ", folders.Distinct())}: run 'dotnet restore' and build again on this machine");
}

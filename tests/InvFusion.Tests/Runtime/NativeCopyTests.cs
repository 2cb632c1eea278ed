using System.Runtime.Versioning;
using InvFusion.Runtime;
using InvFusion.Testing;
using InvFusion.Tests.Diffusion;
using Xunit;

namespace InvFusion.Tests.Runtime;

[Collection(TorchTests.Collection)]
public class NativeCopyTests
{
    /// <summary>A copy of other content, of another mode or behind a link is not taken; one that is right is not written again.</summary>
    [Fact]
    [SupportedOSPlatform("linux")]
    public void A_kept_copy_is_ones_own_and_what_it_should_be()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs owners and modes");
        using var folder = new TemporaryFolder();
        var (home, name) = (Path.Combine(folder.Root, "native"), "a.so");
        byte[] content = [1, 2, 3];
        var path = Path.Combine(home, name);
        Assert.Equal(path, PrivateFolder.Keep(home, name, content));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(home));
        var written = File.GetLastWriteTimeUtc(path);
        Assert.Equal(path, PrivateFolder.Keep(home, name, content));
        Assert.Equal(written, File.GetLastWriteTimeUtc(path));

        File.WriteAllBytes(path, [3, 2, 1]); // as long, and another
        Assert.Equal(path, PrivateFolder.Keep(home, name, content));
        Assert.Equal(content, File.ReadAllBytes(path));

        File.SetUnixFileMode(home, File.GetUnixFileMode(home) | UnixFileMode.OtherWrite);
        Assert.Null(PrivateFolder.Keep(home, name, content));
        if (Environment.IsPrivilegedProcess) // only root has somebody else's folders at hand
            Assert.Null(PrivateFolder.Keep(Foreign(folder.Root), name, content));
        Assert.Null(PrivateFolder.Keep(Path.Combine(path, "below"), name, content)); // below a file

        [SupportedOSPlatform("linux")]
        static string Foreign(string parent)
        {
            var foreign = Directory.CreateDirectory(Path.Combine(parent, "foreign")).FullName;
            File.SetUnixFileMode(foreign, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            using var chown = System.Diagnostics.Process.Start("chown", ["12345", foreign]);
            chown.WaitForExit();
            return foreign;
        }
    }

    /// <summary>The library that is loaded lies beside the program, in the packages or in a folder of one's own, or nowhere any more: not where another user could have put it.</summary>
    [Fact]
    public void No_library_is_loaded_from_a_shared_folder()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads /proc");
        TorchRuntime.Initialize();
        string[] loaded =
        [
            .. File.ReadLines("/proc/self/maps")
                .Where(l => l.Contains("libLibTorchSharp", StringComparison.Ordinal))
                .Select(Name)
                .Distinct(),
        ];
        var path = Assert.Single(loaded);
        if (path.StartsWith(Path.GetTempPath(), StringComparison.Ordinal))
        {
            Assert.EndsWith(" (deleted)", path);
            Assert.Contains("/invfusion-native-", path);
            Assert.False(Directory.Exists(Path.GetDirectoryName(path)));
        }

        static string Name(string line) => line[line.IndexOf('/', StringComparison.Ordinal)..];
    }
}

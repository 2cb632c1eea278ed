using InvFusion.Runtime;
using InvFusion.Tests.Diffusion;
using Xunit;

namespace InvFusion.Tests.Runtime;

[Collection(TorchTests.Collection)]
public class NativeCopyTests
{
    /// <summary>The library that is loaded lies beside the program or in the packages, or nowhere any more: not where another user could have put it.</summary>
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

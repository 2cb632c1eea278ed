using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary><c>dataset</c> from end to end.</summary>
public sealed class DatasetTests(CliWorld world)
{
    [Fact]
    public async Task AFolderIsPreparedAndDescribed()
    {
        var prepared = (await world.Run("dataset prepare images prepared.ifds --size 16 --json")).Expect(0);
        Assert.Contains("6 images of 3×16×16", prepared.ErrorLines[^1]);
        Assert.Contains("6 of 6 images", prepared.Error);
        Assert.Equal(File.ReadAllBytes(world.At("set.ifds")), File.ReadAllBytes(world.At("prepared.ifds")));

        var info = (await world.Run("dataset info prepared.ifds --json --quiet")).Expect(0);
        Assert.Equal(6, info.Json.GetProperty("count").GetInt32());
        Assert.Equal(prepared.Json.GetProperty("sha256").GetString(), info.Json.GetProperty("sha256").GetString());
        Assert.Empty(info.Error);
    }

    [Fact]
    public async Task BrokenImagesAreNamedAndLeftOutOnRequest()
    {
        var info = (await world.Run("dataset info broken --quiet")).Expect(4);
        Assert.Contains("2 images", info.Output);
        Assert.Contains("broken: bad.png", info.Output);

        (await world.Run("dataset prepare broken stopped.ifds --size 16 -q")).Expect(4).ExpectOneErrorLine("broken|bad.png|1 of 2");
        Assert.False(File.Exists(world.At("stopped.ifds")));

        var left = (await world.Run("dataset prepare broken some.ifds --size 16 --leave-out-broken")).Expect(0);
        Assert.Contains("left out: bad.png", left.ErrorLines);
        Assert.Contains("1 images of", left.ErrorLines[^1]);
    }
}

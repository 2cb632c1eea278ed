using System.Text.Json;
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

    [Fact]
    public async Task WhatIsNoImageIsCountedOnTheConsole()
    {
        world.Save("kinds/a.png", CliWorld.Picture(20, 20, 1));
        foreach (var name in new[] { "b.gif", "c.jfif", "d.jfif", "._a.png" })
            File.WriteAllText(world.At($"kinds/{name}"), "x");
        var prepared = (await world.Run("dataset prepare kinds kinds.ifds --size 8")).Expect(0);
        Assert.Contains("left out: 4 other files (.jfif 2, .gif 1, .png 1)", prepared.ErrorLines);
        var info = (await world.Run("dataset info kinds -q")).Expect(0);
        Assert.StartsWith("1 images, 0 classes, 4 other files (.jfif 2", info.Output);
    }

    [Fact]
    public async Task AManifestLiesBesideThePreparedSet()
    {
        var prepared = (await world.Run("dataset prepare images listed.ifds --size 8 --json -q")).Expect(0);
        var manifest = JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(world.At("listed.ifds.manifest.json")));
        Assert.Equal(prepared.Json.GetProperty("sha256").GetString(), manifest.GetProperty("sha256").GetString());
        Assert.Equal(["0.png", "1.png"], manifest.GetProperty("names").EnumerateArray().Take(2).Select(n => n.GetString()));
        Assert.Equal(new FileInfo(world.At("images/1.png")).Length, manifest.GetProperty("fileBytes")[1].GetInt64());
    }

    [Fact]
    public async Task PartsOfKnownSetsAreNamedWithAColon()
    {
        foreach (var name in new[] { "val/b", "val/a", "train/a", "train/b", "train/c" })
            world.Save($"imagenet/{name}/x.png", CliWorld.Picture(20, 20, name.Length));
        var info = (await world.Run("dataset info imagenet-val-1k:imagenet --json -q")).Expect(0);
        Assert.Equal((2, 3), (info.Json.GetProperty("count").GetInt32(), info.Json.GetProperty("classes").GetInt32()));
        (await world.Run("dataset info imagenet-train:images")).Expect(4).ExpectOneErrorLine("images|has no folder 'train'");
        (await world.Run("dataset info imagnet-train:images")).Expect(4).ExpectOneErrorLine("no such folder|imagenet-train");
    }

    [Fact]
    public async Task TheSpeedOfDecodingIsMeasured()
    {
        var bench = (await world.Run("bench data images --size 8 --passes 1 --threads 2 --json")).Expect(0);
        Assert.Equal((6, 2), (bench.Json.GetProperty("images").GetInt32(), bench.Json.GetProperty("threads").GetInt32()));
        Assert.True(bench.Json.GetProperty("decodeAndResizePerSecond").GetDouble() > 0);
        (await world.Run("bench data broken --size 8")).Expect(4).ExpectOneErrorLine("broken|bad.png");
        (await world.Run("bench data images --passes 0")).Expect(3).ExpectOneErrorLine("--passes 0");
    }
}

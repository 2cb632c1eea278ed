using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary>Ctrl-C on a running restoration.</summary>
public sealed partial class CancellationTests(CliWorld world)
{
    private const int EvaluationsOfASample = 2 * 4 - 1;

    [Fact]
    public async Task CtrlCKeepsTheSamplesThatAreFinished()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "sends SIGINT");
        using var program = world.Start(
            "restore face.png --simulate -d box:0,0,8,8 --model model.safetensors --steps 4 --samples 4096 --batch 1 --out cut",
            line => Done().Match(line) is { Success: true } m && int.Parse(m.Groups[1].Value) >= 2 * EvaluationsOfASample
        );
        await program.Awaited(); // progress says that two samples are finished
        program.PressCtrlC();
        (await program.End()).Expect(130);

        var report = JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(world.At("cut/face/report.json")));
        Assert.True(report.GetProperty("cancelled").GetBoolean());
        var files = Directory.GetFiles(world.At("cut/face")).Select(Path.GetFileName).ToArray();
        Assert.Equal(report.GetProperty("files").EnumerateArray().Select(f => f.GetString()).Order(), files.Order());
        Assert.InRange(files.Count(f => f!.StartsWith("sample-")), 2, 4095);
        Assert.All(files.Where(f => f!.EndsWith(".png")), f => world.Load($"cut/face/{f}"));
    }

    [Fact]
    public async Task CtrlCKeepsTheImagesThatAreDrawn()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "sends SIGINT");
        using var program = world.Start(
            "sample --model prior.safetensors --steps 4 --samples 4096 --batch 1 --out cut-drawn --json",
            line => Drawn().Match(line) is { Success: true } m && int.Parse(m.Groups[1].Value) >= 2 * EvaluationsOfASample
        );
        await program.Awaited();
        program.PressCtrlC();
        var result = (await program.End()).Expect(130);
        Assert.True(result.Json.GetProperty("cancelled").GetBoolean());
        var listed = result.Json.GetProperty("files").EnumerateArray().Select(f => f.GetString()!).ToArray();
        Assert.Equal(listed.Order(), Directory.GetFiles(world.At("cut-drawn")).Select(f => Path.GetFileName(f)).Order());
        Assert.InRange(listed.Count(f => f.StartsWith("sample-")), 2, 4095);
    }

    [Fact]
    public async Task CtrlCInTheSecondInputKeepsAndReportsTheFirst()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "sends SIGINT");
        // The first picture is a tile, the second one has thousands.
        world.Save("large.png", CliWorld.Picture(800, 800, 2));
        using var program = world.Start(
            "restore face.png large.png --simulate -d box:0,0,8,8 --tiles --model model.safetensors --steps 4 --samples 1 --out cut-inputs --json",
            line => line.StartsWith("large.png: ")
        );
        await program.Awaited();
        program.PressCtrlC();
        var result = (await program.End()).Expect(130);
        Assert.Equal("cancelled after 1 of 2 inputs", result.ErrorLines[^1]);
        Assert.Equal("face.png", Assert.Single(result.Json.EnumerateArray()).GetProperty("input").GetString());
        Assert.True(File.Exists(world.At("cut-inputs/face/report.json")));
        Assert.Empty(Directory.GetFiles(world.At("cut-inputs/large")));
    }

    [Fact]
    public async Task CtrlCBeforeTheFirstSampleLeavesNothing()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "sends SIGINT");
        using var program = world.Start(
            "restore face.png --simulate -d box:0,0,8,8 --model model.safetensors --steps 100000 --samples 1 --out nothing",
            line => Done().IsMatch(line)
        );
        await program.Awaited();
        program.PressCtrlC();
        var result = (await program.End()).Expect(130);
        Assert.Equal("cancelled", result.ErrorLines[^1]);
        Assert.Empty(Directory.GetFiles(world.At("nothing"), "*", SearchOption.AllDirectories));
    }

    [GeneratedRegex(@"sample: (\d+) of \d+ evaluations")]
    private static partial Regex Drawn();

    [GeneratedRegex(@"face\.png: (\d+) of \d+ evaluations")]
    private static partial Regex Done();
}

using System.Text.Json;
using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary>An output folder belongs to one result: what an earlier call left is replaced as a whole, or the new result gets a folder of its own.</summary>
public sealed class OutputFolderTests(CliWorld world)
{
    private const string Restore = "restore face.png --simulate --model model.safetensors --precision fp32 --steps 2 -q";

    [Fact]
    public async Task ARestorationTakesThePlaceOfItsEarlierOneAndOfNoOther()
    {
        (await world.Run($"{Restore} -d box:2,2,12,12 --samples 5 --out belongs")).Expect(0);
        File.WriteAllText(world.At("belongs/face/notes.txt"), "mine");
        var one = (await world.Run($"{Restore} -d box:2,2,12,12 --samples 1 --out belongs --json")).Expect(0);
        Assert.Equal(Path.Combine("belongs", "face"), one.Json.GetProperty("folder").GetString());
        string[] expected =
        [
            "mean.png",
            "measurement.png",
            "pinv.png",
            "report.json",
            "restored.png",
            "sample-00.png",
            "sheet.png",
            "truth.png",
        ];
        Assert.Equal(expected.Append("notes.txt").Order(), Files("belongs/face")); // and no spread, which one sample has not

        var other = (await world.Run($"{Restore} -d sr:4 --samples 2 --out belongs --json")).Expect(0);
        Assert.Equal(Path.Combine("belongs", "face-2"), other.Json.GetProperty("folder").GetString());
        Assert.Equal("box:2,2,12,12", Report("belongs/face").GetProperty("degradation").GetString());
        Assert.Equal("sr:4", Report("belongs/face-2").GetProperty("degradation").GetString());
        (await world.Run($"{Restore} -d sr:4 --samples 1 --out belongs")).Expect(0);
        Assert.False(Directory.Exists(world.At("belongs/face-3")));
        (await world.Run($"{Restore} -d sr:4 --noise 0.1 --samples 1 --out belongs")).Expect(0); // another measurement
        Assert.True(Directory.Exists(world.At("belongs/face-3")));
    }

    [Fact]
    public async Task AMeanIsOneImageHoweverManySamplesAreAskedFor()
    {
        var result = (
            await world.Run(
                "restore face.png --simulate -d sr:4 --model model.safetensors --precision fp32 --method mmse --samples 4 --out one --json"
            )
        ).Expect(0);
        Assert.Equal((1, 1), (result.Json.GetProperty("samples").GetInt32(), result.Json.GetProperty("evaluations").GetInt32()));
        Assert.Contains("face.png: 1 of 1 evaluations", result.Error);
        Assert.Contains("restored.png: 1 image in", result.ErrorLines[^1]);
        Assert.DoesNotContain(Files("one/face"), f => f.StartsWith("sample") || f == "spread.png");
        Assert.Equal(File.ReadAllBytes(world.At("one/face/mean.png")), File.ReadAllBytes(world.At("one/face/restored.png")));
    }

    [Fact]
    public async Task FewerSamplesLeaveNothingOfMore()
    {
        const string Sample = "sample --model prior.safetensors --precision fp32 --steps 2 -q --out fewer";
        (await world.Run($"{Sample} --samples 4 --seed 3")).Expect(0);
        (await world.Run($"{Sample} --samples 1 --seed 9")).Expect(0);
        Assert.Equal(["grid.png", "sample-000009.png", "sample.json"], Files("fewer"));
    }

    [Fact]
    public async Task AKilledCallOfSampleLeavesWhatItHasDrawnAndTheNextOneClearsIt()
    {
        const string Sample = "sample --model prior.safetensors --precision fp32 --steps 20 --out as-it-goes";
        using (var program = world.Start($"{Sample} --samples 4096 --batch 1", _ => false))
        {
            while (!Directory.Exists(world.At("as-it-goes")) || Files("as-it-goes").Count(f => f.StartsWith("sample-")) < 3)
            {
                Assert.False(program.Ended, "it ended before it could be killed");
                await Task.Delay(5, TestContext.Current.CancellationToken);
            }
        } // kills the process
        Assert.All(
            Files("as-it-goes").Where(f => f.EndsWith(".png")).Take(3),
            f => Assert.Equal(CliWorld.Size, world.Load($"as-it-goes/{f}").Width)
        );
        (await world.Run($"{Sample} --samples 1 --seed 7 -q")).Expect(0);
        Assert.Equal(["grid.png", "sample-000007.png", "sample.json"], Files("as-it-goes").Where(f => !f.EndsWith(".tmp")));
    }

    [Fact]
    public async Task ASecondDegradationLeavesNothingOfTheFirst()
    {
        (await world.Run("degrade face.png -d mask:mask.png --out degraded-twice -q")).Expect(0);
        Assert.Contains("measurement.png", Files("degraded-twice"));
        (await world.Run("degrade face.png -d random-matrix:rows=4 --out degraded-twice -q")).Expect(0);
        Assert.Equal(["degrade.json", "pinv.png", "y.npy"], Files("degraded-twice"));
    }

    private JsonElement Report(string folder) =>
        JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(world.At($"{folder}/report.json")));

    private IEnumerable<string> Files(string folder) => Directory.GetFiles(world.At(folder)).Select(f => Path.GetFileName(f)!).Order();
}

using System.Text.Json;
using InvFusion.Diffusion;
using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary>
/// Samples that leave the finite numbers, in every command that draws some. At σ_max = 1e38 the starting noise of a sample overflows where one of its normals is above
/// 3.4: that is so for about half of all seeds, and which, the test can say.
/// </summary>
public sealed class DivergenceTests(CliWorld world)
{
    private const string Overflow = "--sigma-max 1e38 --steps 1 --precision fp32";
    private const int Samples = 7;
    private const int Seed = 20;

    private static readonly int[] Failing = [.. Enumerable.Range(0, Samples).Where(i => Overflows(Seed + (ulong)i))];
    private static readonly int[] Good = [.. Enumerable.Range(0, Samples).Except(Failing)];

    [Fact]
    public async Task RestoreKeepsTheOthersAndNamesEachThatFails()
    {
        Assert.NotEmpty(Failing);
        Assert.NotEmpty(Good);
        var result = (
            await world.Run(
                $"restore face.png --simulate -d box:2,2,12,12 --model prior.safetensors --method ddrm --samples {Samples} --seed {Seed} --batch 3 {Overflow} --out diverged --json"
            )
        ).Expect(0);
        var failures = result.Json.GetProperty("failures").EnumerateArray().Select(f => f.GetString()!).ToArray();
        Assert.Equal(Failing.Select(i => $"sample {i} (seed {Seed + i})"), failures.Select(f => f[..f.IndexOf(" diverged")]));
        Assert.Equal(failures.Select(f => $"warning: {f}"), result.ErrorLines.Where(l => l.StartsWith("warning")));
        Assert.Equal(Good.Select(i => $"sample-{i:00}.png"), Files("diverged/face").Where(f => f.StartsWith("sample")));
        Assert.Equal(Good.Length, result.Json.GetProperty("consistency").GetArrayLength());
        Assert.Equal(Good.Length, result.Json.GetProperty("calibration").GetProperty("samples").GetInt32());
        Assert.All(result.Json.GetProperty("consistency").EnumerateArray(), c => Assert.InRange(c.GetDouble(), 0, 1e-5));
    }

    [Fact]
    public async Task SampleKeepsTheOthersAndNamesEachThatFails()
    {
        var result = (
            await world.Run(
                $"sample --model prior.safetensors --samples {Samples} --seed {Seed} --batch 2 {Overflow} --out diverged-drawn --json"
            )
        ).Expect(0);
        var failures = result.Json.GetProperty("failures").EnumerateArray().Select(f => f.GetString()!).ToArray();
        Assert.Equal(Failing.Select(i => $"sample {i} (seed {Seed + i})"), failures.Select(f => f[..f.IndexOf(" diverged")]));
        Assert.Equal(Good.Select(i => $"sample-{Seed + i:000000}.png").Prepend("grid.png").Append("sample.json"), Files("diverged-drawn"));
    }

    [Fact]
    public async Task CompareScoresTheOthersAndNamesEachThatFails()
    {
        const int Images = 6;
        int[] failing = [.. Failing.Where(i => i < Images)];
        Assert.NotEmpty(failing);
        var result = (
            await world.Run(
                $"compare set.ifds --model prior.safetensors --method ddrm -d box:2,2,12,12 --num {Images} --batch 4 --seed {Seed} {Overflow} --out diverged-rows --json"
            )
        ).Expect(0);
        var row = result.Json.GetProperty("rows")[2];
        Assert.Equal(
            (failing.Length, Images - failing.Length),
            (row.GetProperty("failed").GetInt32(), row.GetProperty("images").GetInt32())
        );
        Assert.True(row.GetProperty("psnr").GetProperty("mean").GetDouble() > 0);
        var failures = row.GetProperty("failures").EnumerateArray().Select(f => f.GetString()!).ToArray();
        Assert.Equal(failing.Select(i => $"image {i} (seed {Seed + i})"), failures.Select(f => f[..f.IndexOf(" diverged")]));
        Assert.Equal(failing.Length, result.ErrorLines.Count(l => l.StartsWith("warning: box:2,2,12,12, prior, ddrm: image ")));
    }

    [Fact]
    public async Task AnInputOfWhichEverySampleFailsDoesNotStopTheNext()
    {
        var (bad, good) = (Seed + Failing[0], Seed + Good[0]);
        const string Command = "--simulate -d box:2,2,12,12 --model prior.safetensors --method ddrm --samples 1";
        var both = (await world.Run($"restore face.png wide.png {Command} --seed {bad} {Overflow} --out all-failed --json")).Expect(6);
        Assert.Equal(2, both.ErrorLines.Count(l => l.StartsWith("error: ") && l.Contains($"(seed {bad})")));
        Assert.Contains(both.ErrorLines, l => l.StartsWith("error: wide.png: "));
        Assert.Equal(0, JsonSerializer.Deserialize<JsonElement>(both.Output).GetArrayLength());
        (await world.Run($"restore face.png {Command} --seed {bad} {Overflow} --out all-failed -q"))
            .Expect(6)
            .ExpectOneErrorLine($"seed {bad}");
        (await world.Run($"restore face.png {Command} --seed {good} {Overflow} --out none-failed -q")).Expect(0);
    }

    private static bool Overflows(ulong seed)
    {
        using var noise = new SampleNoise([seed]).Normal(3, CliWorld.Size, CliWorld.Size);
        return !float.IsFinite(noise.abs().max().item<float>() * 1e38f);
    }

    private IEnumerable<string> Files(string folder) => Directory.GetFiles(world.At(folder)).Select(f => Path.GetFileName(f)!).Order();
}

using InvFusion.Formats.Safetensors;
using InvFusion.Models;
using InvFusion.Restoration;
using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary>A model that is asked for what it was not trained with says so, and the method that fits is taken; <c>linear</c> needs no model.</summary>
public sealed class OutOfDepthTests(CliWorld world)
{
    private const string Warning = "warning: matrix: was not trained with ";

    [Fact]
    public async Task RestoreTakesTheMethodThatFits()
    {
        const string Model = "restore face.png --simulate --precision fp32 --samples 2 --model matrix.safetensors";
        var outside = (await world.Run($"{Model} -d gray --out depth-gray --json")).Expect(0);
        Assert.Equal("linear", outside.Json.GetProperty("method").GetString()); // its file has no 'none': it is no prior
        Assert.Equal(
            $"{Warning}'gray' (trained: matrix, sr:4); takes linear, --method chooses another",
            Assert.Single(outside.ErrorLines, l => l.StartsWith("warning"))
        );
        var noisy = (await world.Run($"{Model} -d sr:4 --noise 0.1 --steps 2 --out depth-noise --json")).Expect(0);
        Assert.Equal("linear", noisy.Json.GetProperty("method").GetString());
        Assert.Contains(noisy.ErrorLines, l => l.StartsWith($"{Warning}σ_y 0.1 (trained: 0)"));
        var asked = (await world.Run($"{Model} -d gray --method mmse --out depth-asked --json")).Expect(0);
        Assert.Equal("mmse", asked.Json.GetProperty("method").GetString());
        Assert.Contains(asked.ErrorLines, l => l.StartsWith(Warning) && l.EndsWith("linear may do better"));
        var inside = (await world.Run($"{Model} -d sr:4 --steps 2 --out depth-inside --json")).Expect(0);
        Assert.Equal(MethodChoice.Sampling, inside.Json.GetProperty("method").GetString());
        Assert.DoesNotContain(inside.ErrorLines, l => l.StartsWith("warning"));
    }

    [Fact]
    public async Task AModelThatCanDoOneThingDoesIt()
    {
        var result = (
            await world.Run("restore face.png --simulate -d box --model directions.safetensors --precision fp32 --out depth-nppc --json")
        ).Expect(0);
        Assert.Equal("nppc", result.Json.GetProperty("method").GetString());
        var prior = (
            await world.Run(
                "restore face.png --simulate -d box --model prior.safetensors --steps 2 --precision fp32 --out depth-prior --json"
            )
        ).Expect(0);
        Assert.Equal("ddnm", prior.Json.GetProperty("method").GetString());
    }

    [Fact]
    public async Task CompareAndMetricsSayItToo()
    {
        var compared = (
            await world.Run("compare set.ifds --model matrix.safetensors -d gray sr:4 --num 2 --precision fp32 --out depth-compare --json")
        ).Expect(0);
        Assert.Single(compared.ErrorLines, l => l.StartsWith($"{Warning}'gray'"));
        var rows = compared.Json.GetProperty("rows").EnumerateArray();
        Assert.Equal(
            ["gray H⁺y", "gray linear", "sr:4 H⁺y", "sr:4 linear", "sr:4 mmse, projected", "sr:4 ipndm, projected"],
            rows.Select(r => $"{r.GetProperty("degradation")} {r.GetProperty("method")}")
        );
        var scored = (
            await world.Run(
                "metrics gen --net matrix.safetensors --data set.ifds -d gray --metrics psnr --num 2 --precision fp32 --outdir depth-scores --json"
            )
        ).Expect(0);
        Assert.Single(scored.ErrorLines, l => l.StartsWith($"{Warning}'gray'"));
        Assert.Equal("linear", scored.Json.GetProperty("settings").GetProperty("method").GetString());
    }

    [Fact]
    public async Task LinearRestoresAnySizeWithoutAModel()
    {
        var simulated = (
            await world.Run("restore wide.png --simulate -d pixels:keep=0.5 --method linear --samples 1 --out linear-wide --json")
        ).Expect(0);
        Assert.False(simulated.Json.TryGetProperty("model", out _));
        var (mean, inverse) = (Psnr("mean"), Psnr("pseudoInverse"));
        Assert.True(mean > inverse + 3, $"{mean} dB, H⁺y {inverse} dB");
        var restored = world.Load("linear-wide/wide/mean.png");
        Assert.Equal((40, 24), (restored.Width, restored.Height));
        (await world.Run("restore wide.png -d sr:2 --method linear --samples 1 --out linear-large -q")).Expect(0);
        var large = world.Load("linear-large/wide/mean.png");
        Assert.Equal((80, 48), (large.Width, large.Height));
        (await world.Run("restore short.npy -d sr:4 --method linear --out never")).Expect(3).ExpectOneErrorLine("short.npy|--model");

        double Psnr(string name) => simulated.Json.GetProperty(name).GetProperty("psnr").GetDouble();
    }

    [Fact]
    public async Task ATrainingNotesItsNoise()
    {
        using (var file = SafetensorsFile.Open(world.At("model.safetensors")))
            Assert.False(file.Metadata.ContainsKey(NetworkFile.NoiseKey)); // of an earlier program
        var network = CliWorld.Network with { NoiseConditioning = true };
        File.WriteAllText(
            world.At("noisy.json"),
            $$"""
            { "data": "set.ifds", "network": {{network.ToJson()}}, "batch": 2, "images": 2, "gridImages": 0, "degradations": ["box"], "sigmaYMax": 0.25 }
            """
        );
        (await world.Run("train --config noisy.json --out noisy-run -q")).Expect(0);
        using var trained = SafetensorsFile.Open(world.At("noisy-run/network-ema.safetensors"));
        Assert.Equal("0,0.25", trained.Metadata[NetworkFile.NoiseKey]);
        var far = (
            await world.Run(
                "restore face.png --simulate -d box --noise 0.4 --model noisy-run/network-ema.safetensors --precision fp32 --out noisy-far"
            )
        ).Expect(0);
        Assert.Contains(far.ErrorLines, l => l.StartsWith("warning: network-ema: was not trained with σ_y 0.4 (trained: 0 to 0.25)"));
    }

    [Fact]
    public async Task NoneSaysThatItMeasuresNothing()
    {
        var result = (
            await world.Run("restore face.png --simulate -d none --model model.safetensors --steps 2 --precision fp32 --out depth-none")
        ).Expect(0);
        Assert.Contains(result.ErrorLines, l => l.StartsWith("warning: -d none measures nothing") && l.Contains("identity"));
    }
}

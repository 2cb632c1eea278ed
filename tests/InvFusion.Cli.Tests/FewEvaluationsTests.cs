using System.Globalization;
using System.Text.Json;
using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary>Samplers of few evaluations, schedules that are fitted to a model, and the bench of quality against evaluations, from end to end.</summary>
public sealed class FewEvaluationsTests(CliWorld world)
{
    private const string Restore = "restore face.png --simulate --precision fp32 --samples 1 -d box:2,2,12,12 --quiet";

    [Theory]
    [InlineData("ipndm", "--rho 5")]
    [InlineData("dpmpp-2m", "--sigma-max 40")]
    [InlineData("dpmpp-2m-sde", "--eta 0.5")]
    [InlineData("unipc", "--rho Infinity")]
    public async Task AModelRestoresWithOneEvaluationAStep(string method, string options)
    {
        (await world.Run($"{Restore} --model model.safetensors --method {method} {options} --steps 5 --out few-{method}")).Expect(0);
        var report = Report($"few-{method}");
        Assert.Equal((method, 5), (report.GetProperty("method").GetString(), report.GetProperty("evaluations").GetInt32()));
        (await world.Run($"{Restore} --model model.safetensors --method {method} --churn 1 --out few-not"))
            .Expect(3)
            .ExpectOneErrorLine($"{method}|churn");
    }

    /// <summary>Commands from when edm was what they took go on working.</summary>
    [Theory]
    [InlineData("--churn 1", "edm")]
    [InlineData("--churn-min 0.1", "edm")]
    [InlineData("--sigma-max 40", "ipndm")]
    public async Task WhoAsksForChurnGetsEdm(string options, string method)
    {
        var folder = $"few-{Guid.NewGuid():N}";
        (await world.Run($"{Restore} --model model.safetensors {options} --steps 2 --out {folder}")).Expect(0);
        Assert.Equal(method, Report(folder).GetProperty("method").GetString());
    }

    [Fact]
    public async Task AScheduleIsFittedWrittenShownAndUsed()
    {
        const string Fit = "model schedule model.safetensors --num 3 --batch 2 --precision fp32 --quiet";
        var printed = (await world.Run($"{Fit} --steps 3,5 --data set.ifds -d sr:2 box:0,0,8,16 -o scheduled.safetensors --json"))
            .Expect(0)
            .Json;
        var levels = printed.GetProperty("schedules").GetProperty("3").EnumerateArray().Select(l => l.GetDouble()).ToArray();
        Assert.Equal((3, 80), (levels.Length, levels[0]));
        var info = (await world.Run("model info scheduled.safetensors")).Expect(0);
        var text = string.Join(',', levels.Select(l => l.ToString(CultureInfo.InvariantCulture)));
        Assert.Contains($"schedule of 3 steps: {text}", info.Output, StringComparison.Ordinal);
        Assert.Contains("schedule of 5 steps:", info.Output, StringComparison.Ordinal);

        (await world.Run($"{Restore} --model scheduled.safetensors --method ipndm --steps 3 --out fitted")).Expect(0);
        Assert.Equal(text, Report("fitted").GetProperty("options").GetProperty("schedule").GetString());
        foreach (
            var other in new[]
            {
                "--method ipndm --steps 3 --schedule rho",
                "--method ipndm --steps 3 --rho 7",
                "--method ipndm --steps 4",
                "--method edm --steps 3",
            }
        )
        {
            (await world.Run($"{Restore} --model scheduled.safetensors {other} --out formula")).Expect(0);
            Assert.False(Report("formula").GetProperty("options").TryGetProperty("schedule", out _), other);
        }
        var scored = (
            await world.Run(
                "metrics gen --net scheduled.safetensors --data set.ifds -d sr:2 --method unipc --steps 3 --num 2 --metrics psnr --precision fp32 --outdir fitted-scores --quiet --json"
            )
        ).Expect(0);
        Assert.Equal(text, scored.Json.GetProperty("settings").GetProperty("options").GetProperty("schedule").GetString());

        (await world.Run($"{Fit} --steps 2 -o uncond.safetensors")).Expect(0); // images drawn without a measurement
        (await world.Run($"{Fit} --steps 99 -o not.safetensors")).Expect(2).ExpectOneErrorLine("--steps 99|61");
        (await world.Run($"{Fit} --data set.ifds -o not.safetensors")).Expect(2).ExpectOneErrorLine("--data|--degradation");
        (await world.Run($"{Restore} --model model.safetensors --schedule gits --out few-not"))
            .Expect(2)
            .ExpectOneErrorLine("--schedule gits|rho");
        Assert.False(Path.Exists(world.At("not.safetensors")) || Path.Exists(world.At("few-not")));
    }

    [Fact]
    public async Task TheBenchOfEvaluationsWritesTablesAndAPlot()
    {
        (await world.Run("metrics ref set.ifds -o few.npz --detector small --quiet")).Expect(0);
        const string Bench =
            "bench evaluations --model model.safetensors --data set.ifds --degradations sr:2 box:0,0,8,16 --methods edm,ipndm,dpmpp-2m-sde --precision fp32 --ref few.npz --quiet";
        const string All = $"{Bench} --evaluations 2,3,5 --num 4 --samples 2 --out few-bench";
        var result = (await world.Run(All)).Expect(0);
        Assert.Equal(result.Output, File.ReadAllText(world.At("few-bench/evaluations.md")));
        var lines = File.ReadAllLines(world.At("few-bench/evaluations.csv")).Select(l => l.Trim('"').Split("\",\"")).ToArray();
        var titles = lines[0].Index().ToDictionary(t => t.Item, t => t.Index);
        var rows = lines[1..].Where(r => r[0] == "sr:2").ToArray();
        Assert.Equal(2 * rows.Length, lines.Length - 1);
        // Heun takes 1, 3 and 5 evaluations.
        Assert.Equal(
            ["edm 5", "edm 3", "edm 1", "ipndm 5", "ipndm 3", "ipndm 2", "dpmpp-2m-sde 5", "dpmpp-2m-sde 3", "dpmpp-2m-sde 2"],
            rows.Select(r => $"{r[titles["method"]]} {r[titles["evaluations"]]}")
        );
        foreach (var row in rows)
        {
            Assert.Equal(4, Number(row, "images"));
            Assert.InRange(Number(row, "psnr"), Number(row, "psnr_low"), Number(row, "psnr_high"));
            Assert.Equal(Number(row, "psnr") - Number(rows[0], "psnr"), Number(row, "psnr_difference"), 1e-3);
            Assert.InRange(Number(row, "psnr_difference"), Number(row, "psnr_difference_low"), Number(row, "psnr_difference_high"));
            Assert.Equal(Number(row, "crps") - Number(rows[0], "crps"), Number(row, "crps_difference"), 1e-4);
            Assert.True(Number(row, "spread_error") > 0 && double.IsFinite(Number(row, "fd_small")));
            Assert.Equal("", row[titles["spread_error_difference"]]); // no mean over images
        }
        Assert.NotEqual(0, Number(rows[1], "psnr_difference"));
        Assert.True(world.Load("few-bench/evaluations.png").Width > 1000);

        var again = (await world.Run(All)).Expect(0); // from the batches that are kept
        Assert.Equal(result.Output, again.Output);
        (await world.Run($"{Bench} --evaluations 2,x --out few-not")).Expect(2).ExpectOneErrorLine("--evaluations x");
        (await world.Run($"{Bench} --methods mmse --out few-not")).Expect(3).ExpectOneErrorLine("mmse");
        (await world.Run($"{Bench} --num 99 --out few-not")).Expect(3).ExpectOneErrorLine("--num 99|6");
        (await world.Run(All.Replace("--samples 2", "--samples 3", StringComparison.Ordinal))).Expect(3).ExpectOneErrorLine("samples");

        double Number(string[] row, string title) => double.Parse(row[titles[title]], CultureInfo.InvariantCulture);
    }

    private JsonElement Report(string folder) => JsonDocument.Parse(File.ReadAllText(world.At($"{folder}/face/report.json"))).RootElement;
}

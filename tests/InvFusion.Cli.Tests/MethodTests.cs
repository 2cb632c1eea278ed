using System.Text.Json;
using InvFusion.Formats.Numpy;
using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary>The methods beside edm and mmse, and the bench of known posteriors, from end to end.</summary>
public sealed class MethodTests(CliWorld world)
{
    private const string Restore = "restore face.png --simulate --precision fp32 --samples 2 --noise 0.1 -d box:2,2,12,12";

    [Theory]
    [InlineData("ddrm", "--eta 0.5 --rho 5", 3)]
    [InlineData("ddnm", "--eta 1 --variant reference", 3)]
    [InlineData("pigdm", "--sigma-min 0.01 --churn 1", 3)]
    [InlineData("dps", "--step-size 0.1 --sigma-max 40", 3)]
    [InlineData("daps", "--langevin-steps 2 --step-size 0.3", 15)]
    public async Task AnUnconditionalModelRestoresAndTheReportHoldsTheOptions(string method, string options, int evaluations)
    {
        var folder = $"zero-shot-{method}";
        (await world.Run($"{Restore} --model prior.safetensors --method {method} {options} --steps 3 --out {folder} --quiet")).Expect(0);
        var report = JsonDocument.Parse(File.ReadAllText(world.At($"{folder}/face/report.json"))).RootElement;
        Assert.Equal(method, report.GetProperty("method").GetString());
        Assert.Equal(2 * evaluations, report.GetProperty("evaluations").GetInt32());
        Assert.True(report.GetProperty("forwardCalls").GetInt32() >= 2 * 2);
        var given = options.Split("--", StringSplitOptions.RemoveEmptyEntries).Select(o => o.Trim().Split(' ')).Append(["steps", "3"]);
        var saved = report.GetProperty("options").EnumerateObject().ToDictionary(o => o.Name, o => o.Value.GetString());
        Assert.Equal(given.ToDictionary(o => o[0], o => (string?)o[1]), saved);
    }

    [Theory]
    [InlineData("--model prior.safetensors --method edm", "prior.safetensors|edm|ddrm")]
    [InlineData("--model model.safetensors --method nppc", "model.safetensors|nppc|directions")]
    [InlineData("--model prior.safetensors --method ddrm --langevin-steps 3", "ddrm|langevin-steps")]
    public async Task AMethodThatDoesNotFitIsRefusedInOneLine(string options, string words) =>
        (await world.Run($"{Restore} {options} --out not-made")).Expect(3).ExpectOneErrorLine(words);

    [Fact]
    public async Task AConditionalModelServesAZeroShotMethodByItsUnconditionalSide()
    {
        const string Model = "--model model.safetensors --method ddnm --steps 3";
        var result = (await world.Run($"{Restore} {Model} --out side --json")).Expect(0);
        Assert.True(result.Json.GetProperty("unconditionalSide").GetBoolean());
        Assert.Contains(result.ErrorLines, l => l.StartsWith("model (unconditional side): ddnm"));
        Assert.DoesNotContain(result.ErrorLines, l => l.StartsWith("warning")); // its file does not say what it was trained with
        var trained = (await world.Run($"{Restore} --model matrix.safetensors --method ddnm --steps 3 --out side-warned")).Expect(0);
        Assert.Contains("matrix,sr:4", Assert.Single(trained.ErrorLines, l => l.StartsWith("warning: matrix: ")));
        var conditional = (await world.Run($"{Restore} --model model.safetensors --steps 2 --out no-side --json --quiet")).Expect(0);
        Assert.False(conditional.Json.TryGetProperty("unconditionalSide", out _));

        const string Generate = "metrics gen --net model.safetensors --data set.ifds -d sr:4 --num 2 --steps 2 --precision fp32 --quiet";
        var scored = (await world.Run($"{Generate} --method ddrm --metrics residual --outdir side-scored --json")).Expect(0);
        Assert.True(scored.Json.GetProperty("settings").GetProperty("unconditionalSide").GetBoolean());
    }

    [Fact]
    public async Task AGuideIsInTheReportAndItsIntervalCounts()
    {
        const string Options = "--guide prior.safetensors --cfg 1.5 --steps 3 --json --quiet";
        var restored = (await world.Run($"{Restore} --model model.safetensors {Options} --cfg-interval 0,1 --out guided")).Expect(0).Json;
        Assert.Equal(
            """{"weight":1.5,"model":"prior.safetensors","sigmaLow":0,"sigmaHigh":1}""",
            JsonSerializer.Serialize(restored.GetProperty("guidance"))
        );
        Assert.Equal(2 * (3 + 1), restored.GetProperty("evaluations").GetInt32()); // of σ = 80, 2.5 and 0.002, the last is guided

        var drawn = (await world.Run($"sample --model directions.safetensors --precision fp32 --samples 2 {Options} --out guided-samples"))
            .Expect(0)
            .Json;
        Assert.Equal("prior.safetensors", drawn.GetProperty("guidance").GetProperty("model").GetString());
        Assert.Equal(2 * 2 * 3, drawn.GetProperty("evaluations").GetInt32());
    }

    [Fact]
    public async Task AModelWithDirectionsShowsThemAroundTheMean()
    {
        var nppc = $"{Restore} --model directions.safetensors --method nppc";
        var report = (await world.Run($"{nppc} --save-directions --out directed --quiet --json")).Expect(0).Json;
        var saved = Npy.Read(world.At("directed/face/directions.npy"));
        Assert.Equal([2, 3, CliWorld.Size, CliWorld.Size], saved.Shape);
        var directions = saved.ToSingles().Chunk(3 * CliWorld.Size * CliWorld.Size).ToArray();
        var deviations = report.GetProperty("directionDeviations").EnumerateArray().Select(d => d.GetDouble()).ToArray();
        for (var k = 0; k < 2; k++)
            Assert.Equal(Math.Sqrt(directions[k].Sum(v => (double)v * v)), deviations[k], 1e-4 * deviations[k]);
        Assert.Equal(0, directions[0].Zip(directions[1], (a, b) => (double)a * b).Sum() / (deviations[0] * deviations[1]), 1e-4);

        var mean = world.Load("directed/face/mean.png").ToPlanar();
        for (var k = 0; k < 2; k++)
        for (var times = 1; times <= 2; times++)
            foreach (var (side, sign) in new[] { ("minus", -1), ("plus", 1) })
            {
                var shown = world.Load($"directed/face/direction-{k:00}-{side}{times}.png").ToPlanar();
                for (var i = 0; i < shown.Length; i++)
                    if (mean[i] is > 0 and < 255) // the mean was not cut off there
                        Assert.Equal(Math.Clamp(mean[i] + 127.5 * sign * times * directions[k][i], 0, 255), shown[i], 1.01);
            }

        (await world.Run($"{nppc} --out undirected --quiet")).Expect(0);
        Assert.False(File.Exists(world.At("undirected/face/directions.npy")));
        (await world.Run($"{nppc} --save-directions --tiles --out not-made")).Expect(2).ExpectOneErrorLine("--save-directions|--tiles");
        (await world.Run($"{Restore} --save-directions --out not-made")).Expect(2).ExpectOneErrorLine("--save-directions|ipndm|nppc");
    }

    [Fact]
    public async Task CompareGivesEachMethodTheOptionsItKnows()
    {
        const string Command = "compare set.ifds --model prior.safetensors --num 2 --precision fp32 --quiet -d box:0,0,8,16";
        var result = (await world.Run($"{Command} --method ddrm dps --steps 2 --step-size 0.1 --out compared-zero")).Expect(0);
        Assert.Contains("ddrm", result.Output);
        Assert.Contains("dps", result.Output);
        (await world.Run($"{Command} --method ddrm --step-size 0.1 --out compared-no")).Expect(3).ExpectOneErrorLine("--step-size|ddrm");
        (await world.Run($"{Command} --method edm --out compared-no")).Expect(3).ExpectOneErrorLine("prior|edm");
    }

    [Fact]
    public async Task TheBenchOfDirectionsWritesATable()
    {
        const string Command = "bench directions set.ifds --fit set.ifds --num-fit 3 --num 2 --precision fp32 --quiet -d box:0,0,8,16 sr:2";
        var result = (await world.Run($"{Command} --model directions.safetensors --out directions")).Expect(0);
        Assert.Equal(2 + 2, result.Output.Trim().Split('\n').Length);
        Assert.Equal(result.Output, File.ReadAllText(world.At("directions/directions.md")));
        (await world.Run($"{Command} --model model.safetensors --out not-made")).Expect(3).ExpectOneErrorLine("directions|mmse");
    }

    [Fact]
    public async Task TheBenchOfPrecisionsWritesATable()
    {
        const string Command = "bench precision set.ifds --model model.safetensors --steps 2 --quiet -d box:0,0,8,16 sr:2";
        var result = (await world.Run($"{Command} --num 2 --out precisions")).Expect(0);
        var rows = result.Output.Trim().Split('\n')[2..];
        Assert.Equal(result.Output, File.ReadAllText(world.At("precisions/precision.md")));
        Assert.Equal(2, rows.Length);
        Assert.All(
            rows,
            row =>
            {
                var decibels = row.Split('|')[3..6].Select(cell => double.Parse(cell.Trim().Split(' ')[0])).ToArray();
                Assert.True(decibels[0] > decibels[1] + 3); // nearer to each other than to the truth
                Assert.Equal(decibels[1], decibels[2], 1.0);
            }
        );
        (await world.Run($"{Command} --num 999 --out not-made")).Expect(3).ExpectOneErrorLine("--num");
    }

    [Fact]
    public async Task TheBenchOfKnownPosteriorsWritesTablesAndAPlot()
    {
        var result = (
            await world.Run(
                "bench posterior --method edm ddrm daps --steps 4 --langevin-steps 2 -d box:0,0,2,4 --noise 0.1 --prior mixture --size 4 --samples 50 --out bench --quiet"
            )
        ).Expect(0);
        var lines = File.ReadAllLines(world.At("bench/posterior.csv"));
        Assert.Equal(1 + 1 + 1 + 2 + 2, lines.Length); // titles, exact draws, edm, and both forms of the two others
        Assert.StartsWith(result.Output, File.ReadAllText(world.At("bench/posterior.md")));
        Assert.True(world.Load("bench/posterior.png").Width > 100);
        const string Slow =
            "bench posterior --method edm daps --steps 100 --langevin-steps 0 --variant paper -d gray --noise 0 --prior gaussian --size 4";
        (await world.Run($"{Slow} --samples 40 --samples-slow 8 --out bench-slow --quiet")).Expect(0);
        var counts = File.ReadAllLines(world.At("bench-slow/posterior.csv")).Skip(1).Select(l => l.Split("\",\"")[3..5]).ToArray();
        string[][] expected =
        [
            ["exact draws", "40"],
            ["exact draws, 8", "8"],
            ["edm", "40"],
            ["daps", "8"],
        ];
        Assert.Equal(expected, counts);
        (await world.Run($"{Slow} --samples 40 --samples-slow 41 --out bench-not")).Expect(3).ExpectOneErrorLine("--samples-slow 41|40");
        (await world.Run("bench posterior --prior cauchy --out bench-not")).Expect(3).ExpectOneErrorLine("cauchy|gaussian");
        (await world.Run("bench posterior --samples 1 --out bench-not")).Expect(3).ExpectOneErrorLine("--samples 1");
    }
}

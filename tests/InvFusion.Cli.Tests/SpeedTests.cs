using System.Text.Json;
using InvFusion.Models;
using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary><c>bench speed</c> from end to end; what it measures is not held against anything.</summary>
public sealed class SpeedTests(CliWorld world)
{
    private static readonly string[] Parts = ["gemm", "blocks", "operators", "evaluation", "sampling", "training", "data"];

    [Fact]
    public async Task AQuickRunHasRowsOfEveryPartAndComparesWithItself()
    {
        var first = (await world.Run("bench speed --quick --preset tiny32 --threads 1 --json --out speed.json")).Expect(0);
        var rows = Rows(first.Json);
        Assert.Equal(Parts, rows.Select(r => r.Part).Distinct());
        Assert.Equal(rows.Length, rows.Select(r => (r.Part, r.Name, r.Precision)).Distinct().Count());
        Assert.All(
            rows,
            r =>
            {
                Assert.True(r.Seconds > 0 && r.Seconds >= r.MinSeconds && r.Megabytes > 0);
                Assert.Equal(r.MultiplyAdds is null, r.Share is null);
                if (r.MultiplyAdds is { } count)
                {
                    Assert.True(r.Share > 0); // beside other work a row may beat the peak: no bound above
                    var peak = first.Json.GetProperty("peakGflops").GetProperty(r.Precision!).GetDouble();
                    Assert.Equal(2e-9 * count / r.Seconds / peak, r.Share!.Value, 1e-6);
                }
            }
        );
        Assert.Equal(["bf16", "fp32"], rows.Where(r => r.Part == "gemm" && r.Share == 1).Select(r => r.Precision).Distinct().Order());
        var cost = NetworkCost.Of(NetworkPresets.Get("tiny32")).MultiplyAdds;
        foreach (var (part, evaluations) in new[] { ("evaluation", 1), ("sampling", 5), ("training", 3) })
            Assert.All(rows.Where(r => r.Part == part), r => Assert.Equal(2 * evaluations * cost, r.MultiplyAdds));
        Assert.All(
            rows.Where(r => r.Part is "evaluation" or "training" or "blocks").GroupBy(r => (r.Part, r.Name)),
            g => Assert.Equal(["fp32", "bf16"], g.Select(r => r.Precision))
        );
        foreach (
            var piece in new[]
            {
                "tiny32 level 0 (16×16×48), batch 2: global attention with joint keys",
                "tiny32 level 1 (8×8×96), batch 2: neighborhood 7 attention",
                "tiny32 level 2 (4×4×192), batch 2: feed-forward",
                "tiny32, random-matrix:rows=128 on 3×32×32, batch 2: the pseudo-inverse by linalg.pinv",
                "tiny32 level 0 (16×16×48), batch 2: the level's own blocks together",
                "tiny32 level 1, motion, batch 2 of 2 images 3×32×32: H⁺",
                "tiny32 level 2, patches, batch 2 of 1 images 3×32×32: degradation layer",
                "tiny32, random-matrix:rows=128, batch 2",
            }
        )
            Assert.Contains(rows, r => r.Name == piece);

        var saved = JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(world.At("speed.json")));
        Assert.Equal(JsonSerializer.Serialize(first.Json), JsonSerializer.Serialize(saved));
        foreach (var key in new[] { "commit", "date", "processor" })
            Assert.NotEqual("", saved.GetProperty(key).GetString());
        Assert.Equal((1, true, true), (saved.GetProperty("threads").GetInt32(), Flag(saved, "quick"), Flag(saved, "complete")));

        var second = (
            await world.Run(
                "bench speed --quick --parts evaluation --model model.safetensors --precision fp32 -d gray --batch 1 --threads 1 --against speed.json --json"
            )
        ).Expect(0);
        Assert.Equal(["model, gray, batch 1"], Rows(second.Json).Where(r => r.Part == "evaluation").Select(r => r.Name));
        var compared = second.Json.GetProperty("against");
        Assert.Equal(["gemm", "gemm"], compared.GetProperty("rows").EnumerateArray().Select(r => r.GetProperty("part").GetString()));
        foreach (var row in compared.GetProperty("rows").EnumerateArray())
            Assert.Equal(Number(row, "newSeconds") / Number(row, "oldSeconds"), Number(row, "ratio"), 1e-6);
        Assert.Equal(["evaluation: model, gray, batch 1, fp32"], Texts(compared, "onlyNew"));
        var missing = Texts(compared, "onlyOld");
        Assert.Contains("evaluation: tiny32, motion, batch 2, bf16", missing);
        Assert.Contains($"training: all {rows.Count(r => r.Part == "training")} rows", missing);
        Assert.Contains("new/old", second.Error);
        Assert.Contains("only in this run: evaluation: model, gray, batch 1, fp32", second.ErrorLines);
        Assert.Contains("only in the earlier report: evaluation: tiny32, motion, batch 2, bf16", second.ErrorLines);
    }

    [Fact]
    public async Task ModelsOfEveryKindAreMeasured()
    {
        var result = (
            await world.Run(
                "bench speed --quick --parts evaluation sampling training data --model prior.safetensors directions.safetensors -d patches --precision fp32 --data images --threads 1"
            )
        ).Expect(0);
        Assert.Empty(result.Error);
        foreach (
            var piece in new[]
            {
                "prior, no measurement, batch 2 ",
                "prior, no measurement, 3 steps of edm, 2 samples ",
                "directions, patches, batch 2 ",
                "directions, patches, 3 steps of edm, 2 samples ",
                "6 of images: decoding ",
            }
        )
            Assert.Contains(piece, result.Output);
    }

    [Fact]
    public async Task CtrlCKeepsTheRowsThatAreDone()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "sends SIGINT");
        // Behind the first row there is a minute of work.
        using var program = world.Start(
            "bench speed --quick --parts evaluation training --preset tiny32 small64 --repeats 100 --threads 1 --json --out cut-speed.json",
            line => line.StartsWith("evaluation")
        );
        await program.Awaited();
        program.PressCtrlC();
        var result = (await program.End()).Expect(130);
        Assert.False(Flag(result.Json, "complete"));
        Assert.Equal(["gemm", "evaluation"], Rows(result.Json).Select(r => r.Part).Distinct());
        var saved = JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(world.At("cut-speed.json")));
        Assert.Equal(JsonSerializer.Serialize(result.Json), JsonSerializer.Serialize(saved));
    }

    [Theory]
    [InlineData("--parts gemm nosuch", 3, "--parts nosuch|evaluation")]
    [InlineData("--repeats 2", 3, "--repeats 2|3")]
    [InlineData("--batch 1 0", 3, "--batch 0")]
    [InlineData("--precision fp8", 3, "--precision fp8|bf16")]
    [InlineData("--preset nosuch", 3, "--preset nosuch|tiny32")]
    [InlineData("--preset tiny32 tiny32", 3, "tiny32|name")]
    [InlineData("--model nosuch", 4, "--model nosuch|shipped")]
    [InlineData("--model foreign.safetensors", 4, "foreign.safetensors")]
    [InlineData("-d unknown:1", 3, "unknown|choose from")]
    [InlineData("--threads -1", 2, "--threads -1")]
    [InlineData("--against nosuch.json", 4, "nosuch.json|does not exist")]
    [InlineData("--against set.ifds.manifest.json", 4, "set.ifds.manifest.json|bench speed --out")]
    [InlineData("--against model.safetensors", 4, "model.safetensors|bench speed --out")]
    [InlineData("--against bad.json", 4, "bad.json|bench speed --out")]
    public async Task AWrongOptionIsNamedInOneLine(string options, int exitCode, string words)
    {
        var result = (await world.Run($"bench speed --quick {options} --out never.json")).Expect(exitCode);
        result.ExpectOneErrorLine(words);
        Assert.Empty(result.Output);
        Assert.False(File.Exists(world.At("never.json")));
    }

    private static Row[] Rows(JsonElement report) =>
        [
            .. report
                .GetProperty("rows")
                .EnumerateArray()
                .Select(r => new Row(
                    r.GetProperty("part").GetString()!,
                    r.GetProperty("name").GetString()!,
                    r.GetProperty("precision").GetString(),
                    Number(r, "seconds"),
                    Number(r, "minSeconds"),
                    r.GetProperty("multiplyAdds").Deserialize<long?>(),
                    r.GetProperty("share").Deserialize<double?>(),
                    Number(r, "peakMegabytes")
                )),
        ];

    private static double Number(JsonElement element, string key) => element.GetProperty(key).GetDouble();

    private static bool Flag(JsonElement element, string key) => element.GetProperty(key).GetBoolean();

    private static string?[] Texts(JsonElement element, string key) =>
        [.. element.GetProperty(key).EnumerateArray().Select(e => e.GetString())];

    private sealed record Row(
        string Part,
        string Name,
        string? Precision,
        double Seconds,
        double MinSeconds,
        long? MultiplyAdds,
        double? Share,
        double Megabytes
    );
}

using System.Text.Json;
using InvFusion.Cli.Rendering;
using InvFusion.Data;
using InvFusion.Evaluation;
using Spectre.Console;
using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary><c>compare</c> from end to end.</summary>
public sealed class CompareTests(CliWorld world)
{
    [Fact]
    public async Task EveryMethodIsComparedOnEveryDegradation()
    {
        const string Command = "compare set.ifds --model model.safetensors --num 3 --steps 2 --precision fp32";
        var result = (await world.Run($"{Command} -d box:0,0,8,16 sr:4 --out compared --quiet")).Expect(0);
        Assert.Empty(result.Error);
        Assert.Equal(File.ReadAllText(world.At("compared/compare.md")), result.Output);
        Assert.Equal(1 + 2 * 4, File.ReadAllLines(world.At("compared/compare.csv")).Length); // the titles; 2 degradations × H⁺y, linear, mmse and edm

        var json = (
            await world.Run($"{Command} --method mmse -d sr:1,method=box box:0,0,8,16 --device cpu --out compared-json --quiet --json")
        ).Expect(0);
        Assert.Empty(json.Error);
        var rows = json.Json.GetProperty("rows").EnumerateArray().ToArray();
        Assert.Equal(
            Enumerable.Repeat("sr:1,method=box", 3).Concat(Enumerable.Repeat("box:0,0,8,16", 3)), // H⁺y, linear and mmse
            rows.Select(r => r.GetProperty("degradation").GetString())
        );
        Assert.Equal([0, 0, 0, 3, 3, 3], rows.Select(r => r.GetProperty("images").GetInt32())); // sr:1 loses nothing
        Assert.Equal([true, true, true, false, false, false], rows.Select(r => r.GetProperty("lossless").GetBoolean()));
        Assert.Equal(JsonValueKind.Null, rows[1].GetProperty("psnr").GetProperty("mean").ValueKind);
        Assert.StartsWith("not a number", rows[1].GetProperty("psnr").GetProperty("meanReason").GetString());
        var written = File.ReadAllText(world.At("compared-json/compare.md")) + File.ReadAllText(world.At("compared-json/compare.csv"));
        Assert.DoesNotContain("NaN", written);
        Assert.Equal(3, written.Split("nothing is lost").Length - 1);
        var psnr = rows[5].GetProperty("psnr");
        Assert.InRange(psnr.GetProperty("mean").GetDouble(), psnr.GetProperty("low").GetDouble(), psnr.GetProperty("high").GetDouble());
        Assert.Equal(
            ["compare-1.png", "compare-2.png", "compare.csv", "compare.manifest.json", "compare.md", "compare.png"],
            Files("compared-json")
        );
        var grid = world.Load("compared-json/compare-2.png"); // truth, measured, H⁺y, linear and mmse of three images, each of at least 128 pixels
        Assert.InRange(grid.Width, 5 * 128, 6 * 160 + 100);
        Assert.InRange(grid.Height, 3 * 128, 3 * 160 + 150);
        var used = ResultManifest.Load(world.At("compared-json/compare.manifest.json"));
        Assert.Equal(UsedFile.Of("model", world.At("model.safetensors")), Assert.Single(used.Files));
        using (var set = CachedDataset.Open(world.At("set.ifds")))
            Assert.Equal(Manifest.Of(set, [0, 1, 2]).ToJson(), used.Images!.ToJson());
        Assert.True(world.Load("compared-json/compare.png").Width > 500);

        (await world.Run($"{Command} -d sr:0 --out compared-not")).Expect(3).ExpectOneErrorLine("sr:0");
        (await world.Run($"{Command} --num 7 -d sr:4 --out compared-not")).Expect(2).ExpectOneErrorLine("--num");
        (await world.Run("compare set.ifds --model model.safetensors --num 7 -d sr:4 --out compared-not"))
            .Expect(3)
            .ExpectOneErrorLine("--num 7|6");
        Assert.False(Path.Exists(world.At("compared-not")));
    }

    [Fact]
    public async Task ModelsMeetTheMethodsThatFitThemAndSlowMethodsFewerImages()
    {
        const string Command =
            "compare set.ifds --model model.safetensors prior.safetensors --method mmse ddrm daps -d box:0,0,8,16 --num 5 --precision fp32";
        var result = (await world.Run($"{Command} --langevin-steps 1 --noise 0.1 --num-slow 2 --steps 100 --out paired --json")).Expect(0);
        var rows = result.Json.GetProperty("rows").EnumerateArray().ToArray();
        Assert.Equal(["", "", "model", "prior", "prior"], rows.Select(r => r.GetProperty("model").GetString()));
        Assert.Equal(["H⁺y, damped by σ_y/0.5", "linear", "mmse", "ddrm", "daps"], rows.Select(r => r.GetProperty("method").GetString()));
        Assert.Equal([5, 5, 5, 5, 2], rows.Select(r => r.GetProperty("images").GetInt32()));
        Assert.Equal([0, 0, 1, 100, 500], rows.Select(r => r.GetProperty("evaluations").GetInt32()));
        Assert.All(rows, r => Assert.Equal(0.1, r.GetProperty("sigmaY").GetDouble()));
        string[] notices = [.. result.ErrorLines.Where(l => l.StartsWith("left out"))];
        Assert.Equal(3, notices.Length);
        Assert.Equal(
            ["left out: model: ddrm", "left out: model: daps", "left out: prior: an"],
            notices.Select(l => string.Join(' ', l.Split(' ')[..4]))
        );

        (await world.Run($"{Command} --num-slow 6 --out paired-not")).Expect(3).ExpectOneErrorLine("--num-slow 6|1 to 5");
        (await world.Run($"{Command} --noise -1 --out paired-not")).Expect(3).ExpectOneErrorLine("--noise -1");
        (await world.Run($"{Command} --batch 0 --out paired-not")).Expect(3).ExpectOneErrorLine("--batch 0");
    }

    [Fact]
    public async Task ZeroShotMethodsRunOnTheUnconditionalSideWhereNothingElseIsThereOrWhereAsked()
    {
        const string Command = "compare set.ifds --method mmse ddnm -d box:0,0,8,16 --num 2 --steps 3 --precision fp32 --json";
        var alone = (await world.Run($"{Command} --model model.safetensors matrix.safetensors --out sides")).Expect(0);
        Assert.Equal(
            ["/", "/", "model/mmse", "model (unconditional side)/ddnm", "matrix/mmse", "matrix (unconditional side)/ddnm"],
            Names(alone)
        );
        Assert.DoesNotContain(alone.ErrorLines, l => l.StartsWith("left out"));
        Assert.Single(alone.ErrorLines, l => l.StartsWith("warning: matrix: was trained with the degradations"));
        var table = File.ReadAllLines(world.At("sides/compare.csv"));
        var column = Array.IndexOf(table[0].Split(','), "\"unconditional_side\"");
        Assert.Equal(["false", "false", "false", "true", "false", "true"], table[1..].Select(l => l.Trim('"').Split("\",\"")[column]));
        Assert.Contains("| model (unconditional side) | ddnm, projected |", File.ReadAllText(world.At("sides/compare.md")));

        const string Both = $"{Command} --model model.safetensors prior.safetensors";
        Assert.Equal(["/", "/", "model/mmse", "prior/ddnm"], Names((await world.Run($"{Both} --out sides-not")).Expect(0)));
        var asked = (await world.Run($"{Both} --unconditional-side --out sides-both")).Expect(0);
        Assert.Equal(["/", "/", "model/mmse", "model (unconditional side)/ddnm", "prior/ddnm"], Names(asked));

        static IEnumerable<string> Names(CliResult result) =>
            result
                .Json.GetProperty("rows")
                .EnumerateArray()
                .Select(r => (Model: r.GetProperty("model").GetString()!, Method: r.GetProperty("method").GetString()!.Split(',')[0]))
                .Select(r => r.Model.Length == 0 ? "/" : $"{r.Model}/{r.Method}");
    }

    [Fact]
    public async Task ASetOfFewerImagesThanUsualIsTakenWhole()
    {
        var result = (
            await world.Run("compare set.ifds --model model.safetensors --method mmse -d box:0,0,8,16 --out all --json -q")
        ).Expect(0);
        Assert.All(result.Json.GetProperty("rows").EnumerateArray(), r => Assert.Equal(6, r.GetProperty("images").GetInt32()));
    }

    /// <summary>On a terminal the table is as wide as that, whatever the names.</summary>
    [Fact]
    public void TheTableFitsTheTerminal()
    {
        var row = new ComparisonRow
        {
            Degradation = "missing-box:20,20,44,44+random-matrix:rows=64",
            SigmaY = 0.05,
            Model = "a-model-of-a-long-name (unconditional side)",
            Method = "dpmpp-2m-sde, projected",
            Evaluations = 63,
            Images = 20,
            Psnr = new(24.123, 23.1, 25.2),
            Gain = new(4.1, 3.1, 5.2),
            Ssim = new(0.7123, 0.7, 0.73),
        };
        using var written = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(written), Ansi = AnsiSupport.No });
        console.Profile.Width = 80;
        console.Write(ComparisonTable.Create([row, row with { Images = 0 }]));
        Assert.All(written.ToString().Split('\n'), line => Assert.InRange(line.TrimEnd().Length, 0, 80));
        Assert.Contains("24.12", written.ToString());
        Assert.Contains("nothing", written.ToString());
    }

    [Fact]
    public async Task CtrlCKeepsTheRowsThatAreDone()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "sends SIGINT");
        using var program = world.Start(
            "compare set.ifds --model model.safetensors --method mmse edm --steps 100000 --num 2 -d box:0,0,8,16 sr:4 --precision fp32 --out cut-rows",
            line => line.StartsWith("box:0,0,8,16, model, edm:")
        );
        await program.Awaited(); // the fourth row is running
        Assert.Equal(["compare-1.png", "compare.csv", "compare.manifest.json", "compare.md", "compare.png"], Files("cut-rows")); // there before any end
        program.PressCtrlC();
        var result = (await program.End()).Expect(130);
        Assert.Equal("cancelled after 3 rows", result.ErrorLines[^1]);
        Assert.Equal(1 + 3, File.ReadAllLines(world.At("cut-rows/compare.csv")).Length);
        Assert.Equal(File.ReadAllText(world.At("cut-rows/compare.md")), result.Output);
    }

    private IEnumerable<string?> Files(string folder) => Directory.GetFiles(world.At(folder)).Select(Path.GetFileName).Order();
}

using System.CommandLine;
using InvFusion.Cli.Commands;
using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary>Values that make no sense: one line that names option and value, the code for usage or configuration, nothing left behind.</summary>
public sealed class WrongOptionTests(CliWorld world)
{
    [Theory]
    [InlineData("-d box:9,9,1,1", 3, "box:9,9,1,1|x1")]
    [InlineData("-d box:0,0,99,99", 3, "box:0,0,99,99|99|16")]
    [InlineData("-d sr:0", 3, "sr:0|factor")]
    [InlineData("-d sr:5", 3, "sr:5|16")]
    [InlineData("-d motion:stride=3", 3, "motion:stride=3|stride")]
    [InlineData("-d patches:keep=2", 3, "patches:keep=2|keep")]
    [InlineData("--method linear --cfg 2", 3, "--cfg|linear")]
    [InlineData("-d unknown:1", 3, "unknown|choose from|box")]
    [InlineData("--method nosuch", 3, "nosuch|edm")]
    [InlineData("--method mmse --steps 4", 3, "mmse|steps")]
    [InlineData("--steps 0", 3, "steps|0")]
    [InlineData("--samples 0", 3, "--samples 0")]
    [InlineData("--batch 0", 3, "--batch 0")]
    [InlineData("--noise -1", 3, "--noise -1")]
    [InlineData("--threads -1", 2, "--threads -1")]
    [InlineData("--device tpu", 2, "--device tpu|cpu")]
    [InlineData("--precision fp8", 3, "--precision fp8|bf16")]
    [InlineData("--class 1", 3, "--class 1|no classes")]
    [InlineData("--cfg 2", 3, "--cfg|--class|--guide")]
    [InlineData("--guide model.safetensors", 3, "--guide|--cfg")]
    [InlineData("--guide nosuch --cfg 2", 4, "--guide nosuch|shipped")]
    [InlineData("--cfg-interval 1,2", 3, "--cfg-interval|--cfg")]
    [InlineData("--guide prior.safetensors --cfg 2 --cfg-interval 2,1", 3, "--cfg-interval 2,1|LOW,HIGH")]
    [InlineData("--model prior.safetensors --method edm", 3, "prior.safetensors|unconditional")]
    [InlineData("--overlap 4", 2, "--overlap|--tiles")]
    [InlineData("--tiles --overlap 16", 3, "--overlap 16|0 to 15")]
    [InlineData("--tiles --overlap -1", 3, "--overlap -1|0 to 15")]
    [InlineData("--tiles -d motion:stride=2", 3, "--tiles|motion:stride=2|not local|method=box")]
    [InlineData("--tiles -d sr:2", 3, "--tiles|sr:2|not local|method=box")]
    [InlineData("--tiles -d gray+random-matrix:rows=4", 3, "--tiles|random-matrix|not local")]
    [InlineData("--nosuch", 2, "--nosuch|--help")]
    [InlineData("--samples many", 2, "--samples|many")]
    [InlineData("--seed -1", 2, "--seed -1|whole number|0 to")]
    [InlineData("--steps abc", 2, "--steps abc|whole number|1 to 100000")]
    [InlineData("--steps 100000000 --samples 4096", 3, "steps is 100000000|1 to 100000")]
    [InlineData("--steps 99999999999", 2, "--steps 99999999999|whole number")]
    [InlineData("--variant 1", 2, "--variant 1|Paper, Reference")]
    [InlineData("--noise 0,05", 2, "--noise 0,05|write 0.05")]
    [InlineData("--noise 1,000.5", 2, "--noise 1,000.5|point")]
    [InlineData("--noise 1e9", 3, "--noise 1000000000|below 100")]
    [InlineData("-d patches:size=100", 3, "patches:size=100|100 pixels|16")]
    [InlineData("-d blur:sigma=1,5", 3, "blur:sigma=1,5|'5'")]
    [InlineData("-d patches:keep=0,05", 3, "patches:keep=0,05|'05'")]
    public async Task AWrongOptionOfRestoreIsNamedInOneLine(string arguments, int exitCode, string words)
    {
        var folder = $"wrong-option-{Guid.NewGuid():N}";
        var model = arguments.Contains("--model") ? "" : "--model model.safetensors";
        var degradation = arguments.Contains("-d ") ? "" : "-d box:2,2,12,12";
        (await world.Run($"restore face.png --simulate {model} {degradation} {arguments} --out {folder}"))
            .Expect(exitCode)
            .ExpectOneErrorLine(words);
        Assert.False(
            Directory.Exists(world.At(folder)) && Directory.GetFiles(world.At(folder), "*", SearchOption.AllDirectories).Length > 0
        );
    }

    [Theory]
    [InlineData("", 2, "command")]
    [InlineData("nosuch", 2, "nosuch")]
    [InlineData("degrade --nosuch", 2, "--nosuch|degrade")]
    [InlineData("restore", 2, "restore")]
    [InlineData("restore face.png --out never", 2, "-d sr:4|-d identity")]
    [InlineData("degrade face.png --out never", 2, "-d sr:4|-d identity")]
    [InlineData("metrics gen --data set.ifds --net model.safetensors --out never", 2, "-d sr:4|-d identity")]
    [InlineData("restore face.png other/face.png -d box --model model.safetensors", 2, "face.png|other/face.png|rename")]
    [InlineData("restore face.png --model model.safetensors -d random-matrix:rows=4 --out never", 3, "face.png|.npy|--simulate")]
    [InlineData("sample --model prior.safetensors --samples -3 --out never", 3, "--samples -3")]
    [InlineData("degrade face.png -d box --size 0 --out never", 3, "--size 0")]
    [InlineData("degrade face.png -d box --noise -1 --out never", 3, "--noise -1")]
    [InlineData("train --out never", 2, "--config|--data|--preset")]
    [InlineData("train --data set.ifds --preset nosuch --out never", 3, "nosuch")]
    [InlineData("dataset prepare images never.ifds --size 0", 3, "size|0")]
    [InlineData("dataset prepare images never.ifds", 2, "--size")]
    public async Task AWrongCommandLineIsExplainedInOneLine(string arguments, int exitCode, string words)
    {
        (await world.Run(arguments)).Expect(exitCode).ExpectOneErrorLine(words);
        Assert.False(Path.Exists(world.At("never")) || Path.Exists(world.At("never.ifds")) || Path.Exists(world.At("out")));
    }

    /// <summary>Of every command and option that takes a number or a name out of a few: none reads a comma as a separator of thousands or answers with a type of .NET.</summary>
    [Fact]
    public void EveryOptionRefusesWhatIsNoValueOfItInItsOwnWords()
    {
        var root = new RootCommand();
        foreach (var command in CommandTable.Create())
            root.Add(command);
        var refused = 0;
        foreach (var (path, option) in Options(root, []))
        {
            var type = option.ValueType.GetElementType() ?? option.ValueType;
            type = Nullable.GetUnderlyingType(type) ?? type;
            if (!type.IsEnum && type != typeof(int) && type != typeof(long) && type != typeof(ulong) && type != typeof(double))
                continue; // text, flags and the parser's own
            foreach (var value in new[] { "0,05", "1,5", "abc", "99999999999999999999999,9" })
            {
                var problem = UsageErrors.First(root.Parse([.. path, option.Name, value]));
                Assert.NotNull(problem);
                Assert.StartsWith($"{option.Name} {value}: must be ", problem);
                Assert.DoesNotContain("System.", problem);
                refused++;
            }
        }
        Assert.InRange(refused, 4 * 100, int.MaxValue);
    }

    [Theory]
    [InlineData("restore face.png --simulate -d box --model model.safetensors --out x.png", "--out x.png|folder")]
    [InlineData("restore face.png --simulate -d box --model model.safetensors --out -", "--out -|folder")]
    [InlineData("sample --model prior.safetensors --out y.npy", "--out y.npy|folder")]
    [InlineData("degrade face.png -d sr:4 --out -", "--out -|folder")]
    [InlineData("compare set.ifds --model model.safetensors -d sr:4 --num 1 --method mmse --out z.md", "--out z.md|folder")]
    [InlineData("metrics ref set.ifds --detector small --out -", "--out -|file")]
    [InlineData("dataset prepare images - --size 8", "target -|file")]
    [InlineData("model convert model.safetensors images", "images|is a folder")]
    public async Task AnOutputThatIsCalledLikeSomethingElseIsRefused(string arguments, string words)
    {
        (await world.Run(arguments)).Expect(2).ExpectOneErrorLine(words);
        Assert.DoesNotContain(new[] { "x.png", "-", "y.npy", "z.md" }, name => Path.Exists(world.At(name)));
    }

    [Fact]
    public async Task AnEmptyOutputIsRefused() =>
        (await world.Run("degrade", "face.png", "-d", "sr:4", "--out", "")).Expect(2).ExpectOneErrorLine("--out|empty");

    private static IEnumerable<(string[] Path, Option Option)> Options(Command command, string[] path) =>
        command.Options.Select(o => (path, o)).Concat(command.Subcommands.SelectMany(c => Options(c, [.. path, c.Name])));
}

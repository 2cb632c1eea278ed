using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary>Files that are missing, broken or of the wrong sort: one line that names them, the code for data, nothing left behind.</summary>
public sealed class WrongFileTests(CliWorld world)
{
    private const string Restore = "restore face.png --simulate --steps 1 --samples 1 --model model.safetensors -d box:2,2,12,12";

    [Theory]
    [InlineData("restore nosuch.png -d box --model model.safetensors", 4, "nosuch.png|no such file")]
    [InlineData("restore images -d box --model model.safetensors", 4, "images|folder")]
    [InlineData("restore truncated.png -d box --simulate --model model.safetensors", 4, "truncated.png")]
    [InlineData("restore text.png -d box --simulate --model model.safetensors", 4, "text.png")]
    [InlineData("restore face.png -d box --model face.png", 4, "face.png")]
    [InlineData("restore face.png -d box --model foreign.safetensors", 4, "foreign.safetensors|model convert")]
    [InlineData("restore face.png -d box --model truncated.safetensors", 4, "truncated.safetensors")]
    [InlineData("restore face.png -d box --model images", 4, "--model images|folder")]
    [InlineData("restore face.png -d box --model nosuch", 4, "--model nosuch|shipped")]
    [InlineData("restore face.png --simulate --model model.safetensors -d mask:mask8.png", 4, "mask8.png|8×8|16×16")]
    [InlineData("restore face.png --simulate --model model.safetensors -d mask:nosuch.png", 4, "nosuch.png")]
    [InlineData("restore short.npy --model model.safetensors -d sr:4", 4, "short.npy|3 numbers|48")]
    [InlineData("restore short.npy --model model.safetensors -d sr:4,method=box --tiles", 3, "short.npy|--tiles|picture")]
    [InlineData("restore truncated.npy --model model.safetensors -d sr:4", 4, "truncated.npy")]
    [InlineData("degrade text.png -d box", 4, "text.png")]
    [InlineData("train --config nosuch.json", 4, "nosuch.json|no such file")]
    [InlineData("train --config images", 4, "images|folder")]
    [InlineData("train --config bad.json", 3, "bad.json")]
    [InlineData("train --config unknown-key.json", 3, "unknown-key.json|bacth")]
    [InlineData("train --config misfit.json", 3, "set.ifds|3×16×16|dataset prepare --size 32")]
    [InlineData("train --data nosuch --preset small64", 4, "nosuch")]
    public async Task AWrongFileIsNamedInOneLine(string arguments, int exitCode, string words)
    {
        var folder = $"wrong-file-{Guid.NewGuid():N}";
        (await world.Run($"{arguments} --out {folder}")).Expect(exitCode).ExpectOneErrorLine(words);
        Assert.Empty(FilesIn(folder));
    }

    [Theory]
    [InlineData("dataset info nosuch", 4, "nosuch|no such folder or file")]
    [InlineData("dataset info text.png", 4, "text.png")]
    [InlineData("dataset prepare images face.png/set.ifds --size 16 -q", 4, "face.png/set.ifds|cannot be written")]
    [InlineData("model info face.png", 4, "face.png")]
    [InlineData("model convert truncated.pt never.safetensors --preset small64", 4, "truncated.pt")]
    [InlineData("model convert truncated.pt never.safetensors", 2, "--preset|--network")]
    [InlineData("model convert model.safetensors never.safetensors --dtype fp8", 2, "--dtype fp8|bf16")]
    [InlineData("model verify nosuch", 4, "nosuch")]
    [InlineData($"{Restore} --out face.png", 2, "--out face.png|folder")]
    [InlineData($"{Restore} --out face.png/below", 4, "--out face.png/below|cannot be written")]
    [InlineData("degrade face.png -d box --out face.png/below", 4, "--out face.png/below|cannot be written")]
    [InlineData("train --data set.ifds --preset small64 --out face.png/below", 3, "set.ifds|64")]
    public async Task AWrongFileOfOtherCommandsIsNamedInOneLine(string arguments, int exitCode, string words)
    {
        (await world.Run(arguments)).Expect(exitCode).ExpectOneErrorLine(words);
        Assert.False(File.Exists(world.At("never.safetensors")));
    }

    /// <summary>Nobody writes to the pipe: whoever opened it would wait for ever.</summary>
    [Theory]
    [InlineData("restore PIPE.png -d box --model model.safetensors")]
    [InlineData("restore PIPE.npy -d box --model model.safetensors")]
    [InlineData("restore face.png --simulate --model model.safetensors -d mask:PIPE.png")]
    [InlineData("restore face.png --simulate --model model.safetensors -d kernel:PIPE.npy")]
    [InlineData("restore face.png --simulate -d box --model PIPE.safetensors")]
    [InlineData("degrade PIPE.png -d box")]
    [InlineData("train --config PIPE.json")]
    [InlineData("train --data PIPE.ifds --preset small64")]
    [InlineData("dataset info PIPE.zip")]
    [InlineData("dataset prepare PIPE.zip never.ifds --size 16")]
    [InlineData("model info PIPE.safetensors")]
    [InlineData("model convert PIPE.pt never.safetensors --preset small64")]
    [InlineData("metrics ref PIPE.ifds -o never.npz --detector small")]
    public async Task APipeIsRefused(string arguments)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "there is no mkfifo");
        var pipe = world.Pipe(Path.GetExtension(arguments.Split(' ', ':').First(a => a.Contains("PIPE", StringComparison.Ordinal))));
        var result = await world.Run(arguments.Replace("PIPE" + Path.GetExtension(pipe), pipe, StringComparison.Ordinal));
        result.Expect(4).ExpectOneErrorLine(pipe);
    }

    [Fact]
    public async Task OnlyModelsThatRestoreAreListedAsModels()
    {
        var line = Assert.Single((await world.Run("restore face.png -d box --model nosuch")).Expect(4).ErrorLines);
        Assert.Contains("faces64, ", line, StringComparison.Ordinal);
        Assert.DoesNotContain("fd-small", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AFolderThatNobodyMayWriteIsNamed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs /proc");
        (await world.Run($"{Restore} --out /proc/invfusion")).Expect(4).ExpectOneErrorLine("--out /proc/invfusion|cannot be written");
    }

    [Fact]
    public async Task AFullDiskLeavesNoPartOfAFileAndNoReport()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "limits the size of files by bash");
        // The small images fit into 1 KiB, the sheet does not.
        (await world.RunOnASmallDisk(1, $"{Restore} --quiet --out full"))
            .Expect(4)
            .ExpectOneErrorLine(".png|cannot be written|free space");
        Assert.NotEmpty(FilesIn("full"));
        Assert.All(FilesIn("full"), file => world.Load(file)); // whole pictures: no report, nothing temporary
    }

    private string[] FilesIn(string folder) =>
        Directory.Exists(world.At(folder)) ? Directory.GetFiles(world.At(folder), "*", SearchOption.AllDirectories) : [];
}

using System.Diagnostics;
using InvFusion.Training;
using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary>What happens to a running program from outside: streams that go away, signals, another program in the same folder.</summary>
public sealed class EnduranceTests(CliWorld world)
{
    [Theory]
    [InlineData("2>/dev/full")]
    [InlineData("2>&-")]
    [InlineData(">&- 2>&-")]
    [InlineData("</dev/null >/dev/full 2>/dev/full")]
    public async Task ATrainingOutlivesItsErrorStream(string streams)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "redirects by a shell");
        var run = $"deaf-{Guid.NewGuid():N}";
        world.WriteOptions($"{run}.json", images: 16);
        (await Shell($"\"$0\" \"$1\" train --config {run}.json --out {run} --threads 1 {streams}")).Expect(0);
        Assert.True(File.Exists(world.At($"{run}/state-000000000016.safetensors")));
        Assert.Equal(2, File.ReadAllLines(world.At($"{run}/stats.jsonl")).Length);
        foreach (var file in Directory.GetFiles(world.At(run), "*.json*")) // nothing was written into a file that got the stream's number
            Assert.DoesNotContain("images a second", File.ReadAllText(file));
    }

    [Fact]
    public async Task TheEndOfTheTerminalEndsATrainingWithACheckpoint()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "sends SIGHUP");
        world.WriteOptions("hangup.json", images: 1 << 24);
        using var program = world.Start("train --config hangup.json --out hangup --threads 1", line => line.Contains(" images, loss"));
        await program.Awaited();
        program.HangUp();
        var ended = (await program.End()).Expect(130);
        Assert.Contains("cancelled; 'train --resume hangup' goes on", ended.ErrorLines[^1]);
        Assert.NotEmpty(Directory.GetFiles(world.At("hangup"), "state-*.safetensors"));
    }

    [Fact]
    public async Task NohupOutlivesTheTerminal()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "sends SIGHUP");
        world.WriteOptions("nohup.json", images: 64);
        var start = new ProcessStartInfo("nohup") { WorkingDirectory = world.At(".") };
        string[] words = [Host, RunningProgram.Dll, .. "train --config nohup.json --out nohup --threads 1".Split(' ')];
        foreach (var word in words)
            start.ArgumentList.Add(word);
        using var program = new RunningProgram(start, line => line.Contains(" images, loss"));
        await program.Awaited();
        program.HangUp();
        (await program.End()).Expect(0);
        Assert.True(File.Exists(world.At("nohup/state-000000000064.safetensors")));
    }

    /// <summary>A decomposition that looks at no token for minutes: the command ends all the same, with its code, and leaves no result.</summary>
    [Fact]
    public async Task ACommandThatDoesNotLookUpEndsAtSigterm()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "sends SIGTERM");
        world.Save("large-face.png", CliWorld.Picture(1024, 1024, 4));
        using var program = world.Start("degrade large-face.png -d kernel:kernel.png --threads 1000 --out stopped", _ => false);
        while (!program.HasLoadedTorch)
        {
            Assert.False(program.Ended, "it ended before it could be asked to");
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
        program.Terminate();
        var ended = (await program.End()).Expect(130);
        Assert.Equal("cancelled", ended.ErrorLines[^1]);
        Assert.False(Directory.Exists(world.At("stopped")));
    }

    [Fact]
    public async Task TwoTrainingsDoNotShareAFolder()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "sends SIGTERM");
        world.WriteOptions("shared.json", images: 1 << 24);
        using (var first = world.Start("train --config shared.json --out shared-run --threads 1", line => line.Contains(" images, loss")))
        {
            await first.Awaited();
            (await world.Run("train --config shared.json --out shared-run --threads 1"))
                .Expect(4)
                .ExpectOneErrorLine($"shared-run|in use|process {first.Id} on {Environment.MachineName}");
        } // kills it: its lock goes with it, its name stays
        Assert.True(File.Exists(world.At("shared-run/.owner")));
        (await world.Run("train --resume shared-run --images 8 --threads 1")).Expect(0);
        Assert.False(File.Exists(world.At("shared-run/.owner")));
    }

    [Fact]
    public async Task WhatKilledCallsOfPrepareLeaveIsSweptByTheNext()
    {
        Directory.CreateDirectory(world.At("many"));
        for (var i = 0; i < 400; i++)
            File.Copy(world.At("wide.png"), world.At($"many/{i}.png"));
        for (var i = 0; i < 3; i++)
            using (var program = world.Start("dataset prepare many swept/many.ifds --size 64", _ => false))
                while (
                    !program.Ended
                    && !(
                        Directory.Exists(world.At("swept"))
                        && Directory.GetFiles(world.At("swept"), "*.tmp").Any(f => new FileInfo(f).Length > 0)
                    )
                )
                    await Task.Delay(1, TestContext.Current.CancellationToken);
        Assert.InRange(Directory.GetFiles(world.At("swept"), "*.tmp").Length, 0, 1);
        (await world.Run("dataset prepare many swept/many.ifds --size 64")).Expect(0);
        Assert.Equal(
            ["many.ifds", "many.ifds.manifest.json"],
            Directory.GetFiles(world.At("swept")).Select(f => Path.GetFileName(f)).Order()
        );
    }

    [Fact]
    public async Task ATrainingWhoseLossLeavesTheNumbersInMostReportsEndsAsDiverged()
    {
        world.WriteOptions(
            "wilder.json",
            images: 400,
            o =>
                o with
                {
                    Degradations = new TrainingOptions { Data = "", Network = o.Network }.Degradations,
                    Batch = 4,
                    Seed = 5,
                    Precision = "fp32",
                    LearningRate = new() { Rate = 0.9, RampUpImages = 0 },
                    CheckpointImages = 32,
                    GridImages = 0,
                }
        );
        (await world.Run("train --config wilder.json --out wilder --threads 1 -q"))
            .Expect(6)
            .ExpectOneErrorLine("diverged|lower learning rate");
        using var average = InvFusion.Formats.Safetensors.SafetensorsFile.Open(world.At("wilder/network-ema.safetensors"));
        Assert.All(average.Tensors.Keys, name => Assert.All(average.ReadSingles(name), v => Assert.True(float.IsFinite(v))));
    }

    private static string Host => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    private async Task<CliResult> Shell(string command)
    {
        var start = new ProcessStartInfo("bash") { WorkingDirectory = world.At(".") };
        foreach (var word in new[] { "-c", command, Host, RunningProgram.Dll })
            start.ArgumentList.Add(word);
        using var program = new RunningProgram(start);
        return await program.End();
    }
}

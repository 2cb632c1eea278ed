using System.Text.Json;
using InvFusion.Models;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Cli.Tests;

/// <summary><c>train</c> from end to end.</summary>
public sealed class TrainTests(CliWorld world)
{
    [Fact]
    public async Task ARunIsTrainedAndGoesOnWhereItEnded()
    {
        world.WriteOptions("run.json", images: 32);
        var first = (await world.Run("train --config run.json --out run --threads 1")).Expect(0);
        Assert.Contains("32 of 32 images, loss", first.Error);
        Assert.True(File.Exists(world.At("run/state-000000000032.safetensors")));

        var second = (await world.Run("train --out run --images 48 --threads 1")).Expect(0);
        Assert.Contains("run: going on at image 32", second.ErrorLines[0]);
        Assert.Equal([8, 16, 24, 32, 40, 48], StatsOf("run"));
        using var network = NetworkFile.Load(world.At("run/network-ema.safetensors"));
        Assert.Equal(CliWorld.Size, network.Configuration.Resolution);

        var json = (await world.Run("train --out run --images 56 --threads 1 --json")).Expect(0);
        Assert.Contains("56 of 56 images, loss", json.Error);
        Assert.Equal(56, json.Json.GetProperty("images").GetInt64());
        Assert.False(json.Json.GetProperty("cancelled").GetBoolean());
        Assert.InRange(json.Json.GetProperty("loss").GetDouble(), -10, 1000);

        var quiet = (await world.Run("train --out run --quiet")).Expect(0); // its own 48 images are seen: nothing to do
        Assert.Empty(quiet.Error + quiet.Output);

        (await world.Run("train --out run --images 64 --lr 0.01")).Expect(3).ExpectOneErrorLine("run|other options|rate");
    }

    [Fact]
    public async Task TheKindOfTheCommandLineReplacesThatOfTheConfiguration()
    {
        world.WriteOptions("kind.json", images: 8);
        (await world.Run("train --config kind.json --out blind --kind blind")).Expect(0);
        using var network = NetworkFile.Load(world.At("blind/network-ema.safetensors"));
        Assert.Equal(NetworkKind.Blind, network.Configuration.Kind);
        (await world.Run("train --out blind --images 16 --kind invfusion"))
            .Expect(3)
            .ExpectOneErrorLine("blind|other options|network.kind");
    }

    [Fact]
    public async Task ACoolDownBranchesOffARunOfConstantRate()
    {
        world.WriteOptions(
            "trunk.json",
            images: 16,
            o =>
                o with
                {
                    LearningRate = new()
                    {
                        Rate = 0.001,
                        ReferenceBatches = 0,
                        RampUpImages = 0,
                    },
                }
        );
        (await world.Run("train --config trunk.json --out trunk --threads 1")).Expect(0);
        (await world.Run("train --out trunk --images 32 --cool-down 16"))
            .Expect(3)
            .ExpectOneErrorLine("trunk|other options|coolDownImages");

        Directory.CreateDirectory(world.At("branch"));
        const string State = "state-000000000016.safetensors";
        File.Copy(world.At($"trunk/{State}"), world.At($"branch/{State}"));
        var branch = (await world.Run("train --config trunk/options.json --out branch --images 32 --cool-down 16 --threads 1")).Expect(0);
        Assert.Contains("branch: going on at image 16", branch.ErrorLines[0]);
        Assert.Equal([0.001 * 16 / 16, 0.001 * 8 / 16], RatesOf("branch"), (a, b) => Math.Abs(a - b) < 1e-9);

        (await world.Run("train --out trunk --images 32 --threads 1")).Expect(0);
        Assert.All(RatesOf("trunk"), rate => Assert.Equal(0.001, rate, 1e-9));
    }

    [Fact]
    public async Task ADamagedTrainingStateIsNamed()
    {
        world.WriteOptions("whole.json", images: 8);
        (await world.Run("train --config whole.json --out whole --threads 1")).Expect(0);
        const string State = "whole/state-000000000008.safetensors";
        Assert.Contains("steps: ", (await world.Run($"model info {State}")).Expect(0).Output);
        var bytes = File.ReadAllBytes(world.At(State));
        bytes[^5] ^= 1;
        File.WriteAllBytes(world.At(State), bytes);
        (await world.Run($"model info {State}")).Expect(4).ExpectOneErrorLine($"{State}|checksum");
    }

    [Fact]
    public async Task AveragesOfAnyLengthComeFromTheSnapshotsOfARun()
    {
        world.WriteOptions(
            "power.json",
            images: 32,
            o =>
                o with
                {
                    PowerEma = new() { Stds = [0.05, 0.1], SnapshotImages = 8 },
                }
        );
        (await world.Run("train --config power.json --out power --threads 1")).Expect(0);
        var one = (await world.Run("model ema --run power --std 0.07 -o one.safetensors --json")).Expect(0);
        Assert.Contains("one.safetensors: σ_rel 0.07 at image 32 from 8 snapshots", one.Error);
        Assert.Equal(32, one.Json.GetProperty("averages")[0].GetProperty("images").GetInt64());
        using (var network = NetworkFile.Load(world.At("one.safetensors")))
            Assert.Equal(CliWorld.Size, network.Configuration.Resolution);
        (await world.Run("model ema --run power --std 0.05,0.12 --images 16 -o two.safetensors")).Expect(0);
        Assert.True(File.Exists(world.At("two-0.05.safetensors")) && File.Exists(world.At("two-0.12.safetensors")));
        (await world.Run("model ema --run power --std 0.05,x -o no.safetensors")).Expect(2).ExpectOneErrorLine("--std|'x'");
        (await world.Run("model ema --run images --std 0.05 -o no.safetensors"))
            .Expect(3)
            .ExpectOneErrorLine("images: has no snapshots|powerEma");
        Assert.False(File.Exists(world.At("no.safetensors")));
    }

    [Fact]
    public async Task CtrlCEndsARunWithACheckpointThatItGoesOnFrom()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "sends SIGINT");
        world.WriteOptions("long.json", images: 1 << 24);
        using var program = world.Start("train --config long.json --out long --threads 1", line => line.Contains(" images, loss"));
        await program.Awaited();
        program.PressCtrlC();
        var ended = (await program.End()).Expect(130);
        Assert.Contains("cancelled; 'train --resume long' goes on", ended.ErrorLines[^1]);

        var state = Assert.Single(Directory.GetFiles(world.At("long"), "state-*.safetensors"));
        var seen = long.Parse(Path.GetFileNameWithoutExtension(state)["state-".Length..]);
        Assert.True(seen >= 8);
        Assert.True(File.Exists(world.At("long/network-ema.safetensors")));
        Assert.Empty(Directory.GetFiles(world.At("long"), "*.tmp"));

        var on = (await world.Run($"train --out long --images {seen + 8}")).Expect(0);
        Assert.Contains($"going on at image {seen}", on.ErrorLines[0]);
        Assert.Equal(seen + 8, StatsOf("long").Last());
    }

    [Theory, InlineData("SIGTERM"), InlineData("suspend")]
    public async Task AStopFromOutsideEndsARunWithACheckpoint(string how)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "sends SIGTERM");
        world.WriteOptions("stop.json", images: 1 << 24);
        using var program = world.Start($"train --config stop.json --out {how} --threads 1", line => line.Contains(" images, loss"));
        await program.Awaited();
        if (how == "SIGTERM")
            program.Terminate();
        else
            File.WriteAllText(world.At("suspend/suspend"), "");
        var ended = (await program.End()).Expect(130);
        Assert.Contains($"cancelled; 'train --resume {how}' goes on", ended.ErrorLines[^1]);
        var state = Assert.Single(Directory.GetFiles(world.At(how), "state-*.safetensors"));
        var seen = long.Parse(Path.GetFileNameWithoutExtension(state)["state-".Length..]);
        Assert.Equal(StatsOf(how).Last(), seen);

        var on = (await world.Run($"train --resume {how} --images {seen + 8}")).Expect(0);
        Assert.Contains($"going on at image {seen}", on.ErrorLines[0]);
        (await world.Run("train --resume nowhere")).Expect(3).ExpectOneErrorLine("--resume nowhere|no run");
    }

    [Fact]
    public async Task ARunOnAFullDiskNamesTheFileAndGoesOnWhenThereIsSpace()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "limits the size of files by bash");
        world.WriteOptions("full.json", images: 16);
        (await world.RunOnASmallDisk(1000, "train --config full.json --out full-run --threads 1 --quiet"))
            .Expect(4)
            .ExpectOneErrorLine("state-000000000000.safetensors|cannot be written|free space");
        Assert.Empty(Directory.GetFiles(world.At("full-run"), "*.tmp"));
        (await world.Run("train --resume full-run --threads 1 --quiet")).Expect(0);
        File.AppendAllText(world.At("full-run/versions.jsonl"), new string('\n', 8 << 20));
        (await world.RunOnASmallDisk(7000, "train --resume full-run --images 24 --threads 1 --quiet"))
            .Expect(4)
            .ExpectOneErrorLine("versions.jsonl|cannot be written|free space");
        File.Delete(world.At("full-run/versions.jsonl"));
        (await world.Run("train --resume full-run --images 24 --threads 1 --quiet")).Expect(0);
        Assert.Equal([8, 16, 24], StatsOf("full-run"));
    }

    [Fact]
    public async Task ARunWhoseFolderIsRemovedEndsWithOneLine()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "removes a folder that is in use");
        world.WriteOptions("gone.json", images: 1 << 24);
        using var program = world.Start("train --config gone.json --out gone --threads 1", line => line.Contains(" images, loss"));
        await program.Awaited();
        Directory.Move(world.At("gone"), world.At("taken"));
        var ended = (await program.End()).Expect(4);
        Assert.Contains("error: gone: the run folder was removed or moved", ended.ErrorLines[^1]);
        Assert.DoesNotContain(ended.ErrorLines[..^1], line => line.Contains("error"));
        (await world.Run("train --resume gone")).Expect(3).ExpectOneErrorLine("--resume gone|no run");
    }

    [Fact]
    public async Task ACorruptNewestCheckpointIsPassedOverByName()
    {
        world.WriteOptions("corrupt.json", images: 24, o => o with { CheckpointImages = 8 });
        (await world.Run("train --config corrupt.json --out corrupt --threads 1")).Expect(0);
        var newest = world.At("corrupt/state-000000000024.safetensors");
        File.WriteAllBytes(newest, File.ReadAllBytes(newest)[..^1]);
        var on = (await world.Run("train --resume corrupt --threads 1")).Expect(0);
        Assert.Contains("warning: corrupt/state-000000000024.safetensors:", on.ErrorLines[0]);
        Assert.Contains("passed over", on.ErrorLines[0]);
        Assert.Contains("corrupt: going on at image 16", on.ErrorLines[1]);
        Assert.True(File.Exists(newest + ".damaged"));
    }

    [Fact]
    public async Task ARunThatDivergesHasAnExitCodeOfItsOwn()
    {
        using (var network = NetworkFile.Load(world.At("model.safetensors")))
        {
            using (no_grad())
                foreach (var parameter in network.parameters())
                    parameter.fill_(1e30f);
            NetworkFile.Save(world.At("wild.safetensors"), network.Configuration, network.state_dict());
        }
        world.WriteOptions("wild.json", images: 1 << 20, o => o with { WarmStart = "wild.safetensors" });
        (await world.Run("train --config wild.json --out wild --threads 1 --quiet"))
            .Expect(6)
            .ExpectOneErrorLine("diverged|lower learning rate");
        Assert.Single(Directory.GetFiles(world.At("wild"), "state-*.safetensors"));
    }

    [Fact]
    public async Task TheImagesDecideAndNotTheirPlace()
    {
        File.Copy(world.At("set.ifds"), world.At("place.ifds"));
        world.WriteOptions("placed.json", 16, o => o with { Data = "place.ifds" });
        (await world.Run("train --config placed.json --out placed --images 8 --threads 1 -q")).Expect(0);

        // From another folder: the run knows where its images are.
        Directory.CreateDirectory(world.At("elsewhere"));
        using (
            var there = new RunningProgram(
                RunningProgram.Command(world.At("elsewhere"), ["train", "--resume", "../placed", "--images", "16", "--threads", "1", "-q"])
            )
        )
            (await there.End()).Expect(0);

        File.Move(world.At("place.ifds"), world.At("moved.ifds"));
        (await world.Run("train --resume placed --images 24 --threads 1 -q")).Expect(4).ExpectOneErrorLine("place.ifds");
        (await world.Run("train --resume placed --data moved.ifds --images 24 --threads 1 -q")).Expect(0);

        world.Save("others/0.png", CliWorld.Picture(20, 20, 99));
        (await world.Run($"dataset prepare others moved.ifds --size {CliWorld.Size} -q")).Expect(0);
        (await world.Run("train --resume placed --images 32 --threads 1 -q"))
            .Expect(3)
            .ExpectOneErrorLine("moved.ifds|are not those that the run was started with|--data");
        Assert.Equal([8L, 16, 24], StatsOf("placed"));
    }

    private long[] StatsOf(string run) => [.. Stats(run).Select(s => s.GetProperty("images").GetInt64())];

    private double[] RatesOf(string run) => [.. Stats(run).Select(s => s.GetProperty("learningRate").GetDouble())];

    private IEnumerable<JsonElement> Stats(string run) =>
        File.ReadAllLines(world.At($"{run}/stats.jsonl")).Select(l => JsonSerializer.Deserialize<JsonElement>(l));
}

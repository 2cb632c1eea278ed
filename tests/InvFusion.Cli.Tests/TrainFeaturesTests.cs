using InvFusion.Metrics.Features;
using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary><c>train-features</c> from end to end.</summary>
public sealed class TrainFeaturesTests(CliWorld world)
{
    [Fact]
    public async Task ANetworkIsTrainedOnSeveralSets()
    {
        var run = (
            await world.Run("train-features --data images set.ifds --images 32 --batch 8 --threads 1 --out features.safetensors --json")
        ).Expect(0);
        Assert.Equal(32, run.Json.GetProperty("images").GetInt64());
        Assert.Contains("32 of 32 images, loss", run.Error);
        using var network = SmallFeatureFile.Load(world.At("features.safetensors"));
    }

    [Fact]
    public async Task WrongInputsEndWithOneLine()
    {
        (await world.Run("train-features --data images --batch 1 --out x.safetensors")).Expect(3).ExpectOneErrorLine("Batch 1|2 to 4096");
        (await world.Run("train-features --data nowhere --out x.safetensors")).Expect(4).ExpectOneErrorLine("nowhere|no such folder");
        (await world.Run("train-features --data broken --images 16 --batch 8 --out x.safetensors"))
            .Expect(4)
            .ExpectOneErrorLine("broken|bad.png");
        Assert.False(File.Exists(world.At("x.safetensors")));
    }
}

using InvFusion.Formats.Numpy;
using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary><c>sample</c> and <c>degrade</c> from end to end.</summary>
public sealed class SampleAndDegradeTests(CliWorld world)
{
    [Fact]
    public async Task SamplesAreNamedByTheirSeeds()
    {
        const string Common = "sample --model prior.safetensors --precision fp32 --steps 2 --json --quiet";
        var three = (await world.Run($"{Common} --samples 3 --seed 5 --out drawn")).Expect(0);
        Assert.Empty(three.Error);
        string[] names = ["sample-000005.png", "sample-000006.png", "sample-000007.png", "grid.png", "sample.json"];
        Assert.Equal(names, three.Json.GetProperty("files").EnumerateArray().Select(f => f.GetString()));
        Assert.Equal(names.Order(), Directory.GetFiles(world.At("drawn")).Select(Path.GetFileName).Order());

        (await world.Run($"{Common} --samples 1 --seed 6 --out drawn-again")).Expect(0);
        var difference = CliWorld.Difference(world.Load("drawn/sample-000006.png"), world.Load("drawn-again/sample-000006.png"));
        Assert.InRange(difference, 0, 1);
    }

    [Fact]
    public async Task ADegradationWritesTheMeasurementItsPseudoInverseAndTheOperator()
    {
        var result = (await world.Run("degrade face.png -d mask:mask.png --out masked")).Expect(0);
        Assert.Contains("y.npy with 768 numbers", Assert.Single(result.ErrorLines));
        Assert.Equal(768, Npy.Read(world.At("masked/y.npy")).ToSingles().Length);
        var (truth, seen, mask) = (world.Load("face.png"), world.Load("masked/pinv.png"), world.Load("masked/operator.png").ToGrey());
        for (var i = 0; i < truth.Pixels.Length; i++)
        {
            var hole = CliWorld.InHole(i / 3 % CliWorld.Size, i / 3 / CliWorld.Size);
            Assert.Equal(hole ? 0 : 255, mask.Pixels[i / 3]);
            Assert.InRange(seen.Pixels[i], hole ? 127 : truth.Pixels[i], hole ? 128 : truth.Pixels[i]); // 0 is mid-grey
        }
    }
}

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
        Assert.Equal(1 + 2 * 3, File.ReadAllLines(world.At("compared/compare.csv")).Length); // the titles; 2 degradations × H⁺y, mmse and edm

        var json = (
            await world.Run($"{Command} --method mmse -d sr:1,method=box box:0,0,8,16 --device cpu --out compared-json --quiet --json")
        ).Expect(0);
        Assert.Empty(json.Error);
        var rows = json.Json.GetProperty("rows").EnumerateArray().ToArray();
        Assert.Equal(
            ["sr:1,method=box", "sr:1,method=box", "box:0,0,8,16", "box:0,0,8,16"],
            rows.Select(r => r.GetProperty("degradation").GetString())
        );
        Assert.Equal([0, 0, 3, 3], rows.Select(r => r.GetProperty("images").GetInt32())); // sr:1 loses nothing
        Assert.Equal("NaN", rows[1].GetProperty("psnr").GetString());
        Assert.InRange(rows[3].GetProperty("psnr").GetDouble(), -20, 80);

        (await world.Run($"{Command} -d sr:0 --out compared-not")).Expect(3).ExpectOneErrorLine("sr:0");
        (await world.Run($"{Command} --num 7 -d sr:4 --out compared-not")).Expect(2).ExpectOneErrorLine("--num");
        (await world.Run("compare set.ifds --model model.safetensors --num 7 -d sr:4 --out compared-not"))
            .Expect(3)
            .ExpectOneErrorLine("--num 7|6");
        Assert.False(Path.Exists(world.At("compared-not")));
    }
}

using InvFusion.Formats.Safetensors;
using InvFusion.Formats.Tests.PyTorch;
using InvFusion.Testing;
using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary><c>model</c> from end to end.</summary>
public sealed class ModelTests(CliWorld world)
{
    [Fact]
    public async Task AModelIsDescribed()
    {
        var text = (await world.Run("model info model.safetensors")).Expect(0);
        Assert.Contains("InvFusion, 3×16×16, patch 2", text.Output);
        Assert.Contains("level 0: width 48, depth 1, neighborhood 3, joint", text.Output);
        var json = (await world.Run("model info model.safetensors --json")).Expect(0).Json;
        using var file = SafetensorsFile.Open(world.At("model.safetensors"));
        Assert.Equal(file.Tensors.Count, json.GetProperty("tensors").GetInt32());
        Assert.Equal(16, json.GetProperty("network").GetProperty("resolution").GetInt32());
    }

    [Fact]
    public async Task AConvertedModelIsHalfTheSizeAndRestores()
    {
        var json = (await world.Run("model convert model.safetensors half.safetensors --dtype bf16 --quiet --json")).Expect(0);
        Assert.Equal(new FileInfo(world.At("half.safetensors")).Length, json.Json.GetProperty("bytes").GetInt64());
        Assert.Equal("bf16", json.Json.GetProperty("dtype").GetString());
        Assert.Empty(json.Error);
        var ratio = new FileInfo(world.At("half.safetensors")).Length / (double)new FileInfo(world.At("model.safetensors")).Length;
        Assert.InRange(ratio, 0.45, 0.6);
        (await world.Run("restore face.png --simulate -d sr:2 --model half.safetensors --steps 1 --samples 1 --out half -q")).Expect(0);
    }

    [Fact]
    public async Task TheDifferenceOfTwoModelsIsMeasured()
    {
        var same = (await world.Run("model diff model.safetensors model.safetensors --absolute 0 --json")).Expect(0).Json;
        Assert.Equal(0, same.GetProperty("absolute").GetDouble());

        (await world.Run("model convert model.safetensors rounded.safetensors --dtype bf16 -q")).Expect(0);
        var rounded = (await world.Run("model diff model.safetensors rounded.safetensors --json")).Expect(0).Json;
        // bfloat16 keeps 8 bits: half of the last one is 1/512 of a number between a power of two and the next.
        Assert.InRange(rounded.GetProperty("relative").GetDouble(), 1e-4, 1.0 / 256);
        (await world.Run("model diff model.safetensors rounded.safetensors --relative 1e-5")).Expect(1);
        (await world.Run("model diff model.safetensors rounded.safetensors --absolute 1e-9")).Expect(1);

        var other = (await world.Run("model diff model.safetensors directions.safetensors")).Expect(4);
        Assert.Contains("directions.safetensors", other.Error);
    }

    [Fact]
    public async Task APyTorchCheckpointIsConverted()
    {
        File.WriteAllText(world.At("network.json"), CliWorld.Network.ToJson());
        WriteCheckpoint("checkpoint.pt");
        (await world.Run("model convert checkpoint.pt converted.safetensors --network network.json")).Expect(0);

        using SafetensorsFile original = SafetensorsFile.Open(world.At("model.safetensors")),
            converted = SafetensorsFile.Open(world.At("converted.safetensors"));
        Assert.Equal(original.Tensors.Keys.Order(), converted.Tensors.Keys.Order());
        Assert.All(original.Tensors.Keys, name => Assert.Equal(original.ReadSingles(name), converted.ReadSingles(name)));
    }

    [Fact]
    public async Task VectorsAreVerifiedAndAWrongNumberIsSeen()
    {
        var good = (await world.Run("model", "verify", Goldens.Selection, "--filter", "blocks/norms", "--threads", "1")).Expect(0);
        Assert.Contains("blocks/norms", good.Output);

        (await world.Run("model", "verify", Goldens.Selection, "--filter", "blocks/norms", "--device", "gpu"))
            .Expect(2)
            .ExpectOneErrorLine("--device gpu|cuda:0");

        var copy = Directory.CreateDirectory(world.At("golden/blocks/norms")).FullName;
        foreach (var file in Directory.GetFiles(Path.Combine(Goldens.Selection, "blocks", "norms")))
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        var bytes = File.ReadAllBytes(Path.Combine(copy, "rms_out.npy"));
        bytes[^1] ^= 0x80; // the sign of the last number
        File.WriteAllBytes(Path.Combine(copy, "rms_out.npy"), bytes);
        var bad = (await world.Run("model verify golden")).Expect(1);
        Assert.Contains("rms_out", bad.Output);

        var json = (await world.Run("model verify golden --json")).Expect(1);
        Assert.Contains("rms_out", json.Error); // the lines for people
        var only = Assert.Single(json.Json.GetProperty("cases").EnumerateArray());
        Assert.Equal(("Failed", "rms_out"), (only.GetProperty("status").GetString(), only.GetProperty("worstTensor").GetString()));
    }

    private void WriteCheckpoint(string name)
    {
        using var file = SafetensorsFile.Open(world.At("model.safetensors"));
        var (storages, state) = (new List<(string, byte[])>(), new Dictionary<string, object?>());
        foreach (var (tensor, entry) in file.Tensors)
        {
            var values = file.ReadSingles(tensor);
            var key = $"{storages.Count}";
            state[tensor] = new Tensor("FloatStorage", key, values.Length, 0, entry.Shape, Tensor.Contiguous(entry.Shape));
            storages.Add((key, TorchFile.Singles(values)));
        }
        var pickle = PickleWriter.Write(new Dictionary<string, object?> { ["ema"] = state });
        File.WriteAllBytes(world.At(name), TorchFile.Zip(pickle, [.. storages]));
    }
}

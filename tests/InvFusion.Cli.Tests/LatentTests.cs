using InvFusion.Training;
using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary>Latents from end to end: set, training, samples and restorations.</summary>
public sealed class LatentTests(CliWorld world)
{
    [Fact]
    public async Task PicturesBecomeLatentsAndANetworkOfThemGivesPictures()
    {
        var prepared = (
            await world.Run(
                "dataset prepare images latents.ifds --size 32 --autoencoder vae.safetensors --latent-scale measured --threads 1 --json"
            )
        ).Expect(0);
        Assert.Contains("6 latents of vae.safetensors of 4×16×16", prepared.ErrorLines[^1]);
        Assert.Equal(4, prepared.Json.GetProperty("latents").GetProperty("std").GetArrayLength());
        Assert.Contains("latents of vae.safetensors", (await world.Run("dataset info latents.ifds")).Expect(0).Output);

        var options = new TrainingOptions
        {
            Data = "latents.ifds",
            Network = CliWorld.LatentNetwork,
            Degradations = ["box", "none"],
            HorizontalFlip = false,
            Batch = 8,
            Images = 16,
            StatusImages = 8,
            CheckpointImages = 1 << 20,
            GridImages = 16,
            Autoencoder = "vae.safetensors",
        };
        File.WriteAllText(world.At("latents.json"), options.ToJson());
        (await world.Run("train --config latents.json --out latent-run --threads 1")).Expect(0);
        Assert.True(world.Load("latent-run/grid-000000000016.png").Width > 100);
        (await world.Run("train --resume latent-run --images 24 --threads 1")).Expect(0);

        const string model = "--model latent-run/network-ema.safetensors --threads 1 --steps 2 --samples 2";
        (await world.Run($"sample {model} --autoencoder vae.safetensors --out latent-samples")).Expect(0);
        Assert.Equal(
            (32, 32),
            (world.Load("latent-samples/sample-000000.png").Width, world.Load("latent-samples/sample-000000.png").Height)
        );
        var restored = (
            await world.Run(
                $"restore wide.png --simulate -d box:0,0,8,8 {model} --autoencoder vae.safetensors --out latent-restored --json"
            )
        ).Expect(0);
        Assert.Equal(32, world.Load("latent-restored/wide/mean.png").Width);
        Assert.InRange(restored.Json.GetProperty("consistency")[0].GetDouble(), 0, 1e-4); // in latents, projected
        Assert.InRange(restored.Json.GetProperty("mean").GetProperty("psnr").GetDouble(), 1, 60);

        (await world.Run($"sample {model} --out never")).Expect(3).ExpectOneErrorLine("works on latents|--autoencoder|vae.safetensors");
        (await world.Run($"restore face.png -d box:0,0,8,8 {model} --autoencoder vae.safetensors --out never"))
            .Expect(3)
            .ExpectOneErrorLine("face.png|--simulate|.npy");
        (await world.Run($"sample {model} --autoencoder model.safetensors --out never"))
            .Expect(4)
            .ExpectOneErrorLine("model.safetensors|no KL autoencoder");
        (await world.Run("compare set.ifds --model latent-run/network-ema.safetensors -d none --num 1 --out never"))
            .Expect(3)
            .ExpectOneErrorLine("network-ema|latents|restore --simulate");
        (await world.Run("bench precision set.ifds --model latent-run/network-ema.safetensors -d none --num 1 --out never"))
            .Expect(3)
            .ExpectOneErrorLine("network-ema|latents|restore --simulate");
        (await world.Run("compare latents.ifds --model model.safetensors -d none --num 1 --out never"))
            .Expect(3)
            .ExpectOneErrorLine("latents.ifds|latents|pictures");
        (
            await world.Run(
                "bench directions latents.ifds --fit set.ifds --model directions.safetensors -d none --num 1 --num-fit 4 --out never"
            )
        )
            .Expect(3)
            .ExpectOneErrorLine("latents.ifds|latents|pictures");
        (await world.Run("sample --model prior.safetensors --autoencoder vae.safetensors --out never"))
            .Expect(3)
            .ExpectOneErrorLine("--autoencoder vae.safetensors|pictures");
        Assert.False(Directory.Exists(world.At("never")));
    }

    [Theory]
    [InlineData("--size 32 --autoencoder nosuch.safetensors", 4, "nosuch.safetensors|no such file")]
    [InlineData("--size 32 --autoencoder model.safetensors", 4, "model.safetensors|no KL autoencoder")]
    [InlineData("--size 32 --autoencoder face.png", 4, "face.png")]
    [InlineData("--size 31 --autoencoder vae.safetensors", 3, "size 31|multiple of 2")]
    public async Task WhatCannotBeEncodedIsRefusedByName(string arguments, int exitCode, string words)
    {
        (await world.Run($"dataset prepare images never.ifds {arguments} --threads 1 -q")).Expect(exitCode).ExpectOneErrorLine(words);
        Assert.False(File.Exists(world.At("never.ifds")));
    }
}

using System.Globalization;
using InvFusion.Data;
using InvFusion.Training;
using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary>The validation loss from end to end: <c>bench validation</c>, and <c>train</c> with the option.</summary>
public sealed class ValidationTests(CliWorld world)
{
    private const string Command =
        "bench validation --data set.ifds --num 4 --batch 3 --sigmas 0.2 2 100 -d box sr:4@0.1 --precision fp32 --threads 1";

    [Fact]
    public async Task ModelsOfEveryKindAreMeasuredAndComparedWithTheFirst()
    {
        var result = (
            await world.Run($"{Command} --model model.safetensors prior.safetensors directions.safetensors --out validated --quiet")
        ).Expect(0);
        Assert.Empty(result.Error);
        Assert.Equal(File.ReadAllText(world.At("validated/validation.md")), result.Output);
        Assert.Contains("| loss (95 %) | model | prior | directions |", result.Output);
        Assert.Contains("| loss less that of model (95 %) | prior |", result.Output);
        Assert.Contains("| mean squared error of directions less that of model (95 %) | σ 100 |", result.Output);
        // 2 degradations × (levels and the loss), and the mean of the losses; directions are known at one level.
        Assert.Equal(1 + 2 * (2 * 4 + 1) + 2 * 2 + 1, File.ReadAllLines(world.At("validated/validation.csv")).Length);
        Assert.Equal(1 + 2 * (3 + 3 + 1) * 4, File.ReadAllLines(world.At("validated/validation-images.csv")).Length);
        Assert.Equal(1 + 2 * 4 + 1 + 2, File.ReadAllLines(world.At("validated/validation-differences.csv")).Length);
        Assert.Equal(3, ResultManifest.Load(world.At("validated/validation.manifest.json")).Files.Length);

        // The table's means are those of the single images; the prior sees no measurement.
        var rows = File.ReadAllLines(world.At("validated/validation-images.csv")).Skip(1).Select(l => l.Split(',')).ToArray();
        double[] Errors(string model, string degradation) =>
            [.. rows.Where(r => r[0] == model && r[1] == degradation).Select(r => double.Parse(r[^1], CultureInfo.InvariantCulture))];
        Assert.Equal(Errors("prior", "box"), Errors("prior", "sr:4@0.1"));
        Assert.NotEqual(Errors("model", "box"), Errors("model", "sr:4@0.1"));
        var means = File.ReadAllLines(world.At("validated/validation.csv")).Single(l => l.StartsWith("model,box,2,")).Split(',');
        Assert.Equal(Errors("model", "box")[4..8].Average(), double.Parse(means[6], CultureInfo.InvariantCulture), 1e-6);

        var json = (await world.Run($"{Command} --model model.safetensors --out validated-json --quiet --json")).Expect(0).Json;
        var model = json.GetProperty("models")[0];
        Assert.Equal(4, model.GetProperty("images").GetInt32());
        Assert.InRange(model.GetProperty("loss").GetDouble(), model.GetProperty("low").GetDouble(), model.GetProperty("high").GetDouble());
        Assert.Equal(3, model.GetProperty("degradations").GetProperty("sr:4@0.1").GetProperty("mse").GetArrayLength());
    }

    [Fact]
    public async Task WhatCannotBeIsOneLine()
    {
        const string Start = "bench validation --model model.safetensors --out validated-not";
        (await world.Run($"{Start} --data set.ifds --num 7")).Expect(3).ExpectOneErrorLine("--num 7|6");
        (await world.Run($"{Start} --data set.ifds --num 2 -d rain")).Expect(3).ExpectOneErrorLine("'rain'|unknown");
        (await world.Run($"{Start} --data set.ifds --num 2 --sigmas 2 1")).Expect(3).ExpectOneErrorLine("sigmas|must rise");
        (await world.Run($"{Start} --data nowhere --num 2")).Expect(4).ExpectOneErrorLine("nowhere");
        Assert.False(Path.Exists(world.At("validated-not")));
    }

    [Fact]
    public async Task ARunMeasuresItsAverageOnTheWay()
    {
        var options = new TrainingOptions
        {
            Data = "set.ifds",
            Network = CliWorld.Network,
            Degradations = ["box"],
            Batch = 4,
            Images = 16,
            StatusImages = 8,
            GridImages = 0,
            Validation = new()
            {
                Data = "images",
                Number = 2,
                EveryImages = 8,
                Degradations = ["box", "sr:4"],
            },
        };
        File.WriteAllText(world.At("validation.json"), options.ToJson());
        var result = (await world.Run("train --config validation.json --out validated-run --threads 1 --json")).Expect(0);
        Assert.Equal(2, result.ErrorLines.Count(l => l.Contains(" images, validation loss ") && l.Contains("of 2 images (box ")));
        var stats = File.ReadAllLines(world.At("validated-run/stats.jsonl")).Where(l => l.Contains("\"validationLoss\"")).ToArray();
        Assert.Equal(2, stats.Length);
        Assert.InRange(result.Json.GetProperty("validationLoss").GetDouble(), 1e-3, 1e3);
        File.WriteAllText(
            world.At("validation-not.json"),
            (options with { Validation = options.Validation with { Data = "missing.ifds" } }).ToJson()
        );
        (await world.Run("train --config validation-not.json --out validated-no")).Expect(4).ExpectOneErrorLine("missing.ifds");
    }
}

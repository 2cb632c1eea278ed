using System.Text.Json;
using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary><c>restore</c> from end to end.</summary>
public sealed class RestoreTests(CliWorld world)
{
    private const string Common = "--model model.safetensors --precision fp32 --steps 3 --samples 3 --seed 7";

    [Theory]
    [InlineData("box:2,2,12,12", "face")]
    [InlineData("mask:mask.png", "face")]
    [InlineData("sr:4", "wide")]
    [InlineData("random-matrix:rows=16", "face")]
    public async Task ASimulatedRestorationWritesPicturesAndAReport(string degradation, string image)
    {
        var folder = $"simulate-{degradation.Split(':')[0]}";
        var result = (await world.Run($"restore {image}.png --simulate -d {degradation} {Common} --out {folder}")).Expect(0);

        var report = Report($"{folder}/{image}");
        var files = report.GetProperty("files").EnumerateArray().Select(f => f.GetString()!).ToArray();
        string[] always =
        [
            "restored.png",
            "sheet.png",
            "mean.png",
            "spread.png",
            "pinv.png",
            "truth.png",
            "sample-00.png",
            "sample-02.png",
            "report.json",
        ];
        Assert.Empty(always.Except(files));
        Assert.Equal(files.Order(), Directory.GetFiles(world.At($"{folder}/{image}")).Select(Path.GetFileName).Order());
        Assert.All(files.Where(f => f.EndsWith(".png")), f => world.Load($"{folder}/{image}/{f}"));
        Assert.NotEqual(
            0,
            CliWorld.Difference(world.Load($"{folder}/{image}/sample-00.png"), world.Load($"{folder}/{image}/sample-01.png"))
        );

        Assert.Equal(3 * 3, report.GetProperty("evaluations").GetInt32()); // one a step
        Assert.True(report.GetProperty("forwardCalls").GetInt32() > 0);
        Assert.Equal(degradation, report.GetProperty("degradation").GetString());
        Assert.Equal(3, report.GetProperty("consistency").GetArrayLength());
        Assert.Equal(3, report.GetProperty("sampleQuality").GetArrayLength());
        Assert.InRange(report.GetProperty("mean").GetProperty("psnr").GetDouble(), -20, 80);
        Assert.False(report.GetProperty("cancelled").GetBoolean());
        Assert.Equal(image == "wide", result.Error.Contains("resized and centre-cropped to 16×16"));
        // Not a terminal: plain lines for the progress, then the summary.
        Assert.Contains($"{image}.png: 9 of 9 evaluations", result.Error); // as the report counts them
        Assert.Contains("restored.png: mean of 3 samples in", result.ErrorLines[^1]);
        Assert.Empty(result.Output);
    }

    [Fact]
    public async Task EqualSeedsGiveEqualPicturesWhateverTheBatch()
    {
        const string Arguments = $"restore face.png --simulate -d box:0,0,8,16 --noise 0.1 {Common}";
        var json = (await world.Run($"{Arguments} --out once --quiet --json")).Expect(0);
        Assert.Empty(json.Error);
        Assert.Equal(3, json.Json.GetProperty("samples").GetInt32());
        (await world.Run($"{Arguments} --out twice")).Expect(0);
        (await world.Run($"{Arguments} --out single --batch 1")).Expect(0);

        foreach (var path in Directory.GetFiles(world.At("once/face"), "*.png"))
        {
            var name = Path.GetFileName(path);
            if (name == "sheet.png") // shows the time that it took
                continue;
            Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(world.At($"twice/face/{name}")));
            if (name != "spread.png") // a heat map scaled by its largest value
                Assert.InRange(CliWorld.Difference(world.Load($"once/face/{name}"), world.Load($"single/face/{name}")), 0, 1);
        }
    }

    [Fact]
    public async Task TheReportSaysWhetherTheSamplesKnowHowWrongTheyAre()
    {
        const string Command = "restore face.png --simulate -d box:2,2,12,12 --model model.safetensors --precision fp32 --json";
        var noisy = (await world.Run($"{Command} --noise 0.1 --steps 3 --samples 5 --out calibrated")).Expect(0);
        var report = noisy.Json;
        var residuals = report.GetProperty("residualOverNoise");
        var consistency = report.GetProperty("consistency").EnumerateArray().Select(c => c.GetDouble()).ToArray();
        Assert.Equal(
            consistency.Select(c => Math.Round(c / 0.1, 9)),
            residuals.GetProperty("samples").EnumerateArray().Select(c => Math.Round(c.GetDouble(), 9))
        );
        Assert.Equal(report.GetProperty("meanConsistency").GetDouble() / 0.1, residuals.GetProperty("mean").GetDouble(), 1e-9);
        var calibration = report.GetProperty("calibration");
        Assert.Equal((5, 0.9), (calibration.GetProperty("samples").GetInt32(), calibration.GetProperty("nominalCoverage").GetDouble()));
        Assert.Equal(4.0 / 6, calibration.GetProperty("expectedInsideRange").GetDouble(), 1e-9);
        Assert.Equal(3 * 16 * 16, calibration.GetProperty("numbers").GetInt64()); // with noise every pixel is uncertain
        Assert.InRange(calibration.GetProperty("coverage").GetDouble(), 0, 1);
        Assert.Equal(
            calibration.GetProperty("spread").GetDouble() / calibration.GetProperty("error").GetDouble(),
            calibration.GetProperty("spreadOverError").GetDouble(),
            1e-9
        );
        Assert.Contains("σ_y (mean ", noisy.ErrorLines[^1]);
        Assert.Contains("90 % intervals hold", noisy.ErrorLines[^1]);

        var clean = (await world.Run($"{Command} --steps 3 --samples 5 --out calibrated-clean")).Expect(0).Json;
        Assert.False(clean.TryGetProperty("residualOverNoise", out _));
        Assert.InRange(clean.GetProperty("meanConsistency").GetDouble(), 0, 1e-5); // projected
        Assert.InRange(clean.GetProperty("calibration").GetProperty("numbers").GetInt64(), 1, 3 * (16 * 16 - 10 * 10)); // what the box shows is known

        var point = (await world.Run($"{Command} --method mmse --samples 5 --out calibrated-not")).Expect(0).Json;
        Assert.False(point.TryGetProperty("calibration", out _)); // a mean alone has no spread to judge
    }

    [Fact]
    public async Task WhatAPictureShowsInTheHoleOfItsMaskDoesNotMatter()
    {
        foreach (var (name, grey) in new[] { ("black", 0), ("white", 255) })
        {
            var picture = CliWorld.Picture(CliWorld.Size, CliWorld.Size, 3);
            for (var i = 0; i < picture.Pixels.Length; i++)
                if (CliWorld.InHole(i / 3 % CliWorld.Size, i / 3 / CliWorld.Size))
                    picture.Pixels[i] = (byte)grey;
            world.Save($"{name}.png", picture);
        }
        var result = (await world.Run($"restore black.png white.png -d mask:mask.png {Common} --out holes --json --quiet")).Expect(0);

        Assert.Empty(result.Error);
        Assert.Equal(["black.png", "white.png"], result.Json.EnumerateArray().Select(r => r.GetProperty("input").GetString()));
        Assert.All(result.Json.EnumerateArray(), r => Assert.False(r.TryGetProperty("mean", out _))); // the truth is not known
        Assert.Equal(File.ReadAllBytes(world.At("holes/black/sample-02.png")), File.ReadAllBytes(world.At("holes/white/sample-02.png")));
    }

    [Fact]
    public async Task AMeasuredBlurredPictureIsTakenAsItIs()
    {
        (await world.Run($"restore face.png -d blur:sigma=1.5 {Common} --out blurred")).Expect(0);
        Assert.InRange(CliWorld.Difference(world.Load("face.png"), world.Load("blurred/face/measurement.png")), 0, 1);
    }

    [Theory]
    [InlineData("motion:stride=2,seed=3")]
    [InlineData("kernel:kernel.png,stride=2")]
    public async Task ABlurredPhotoIsRestoredMuchAsTheWholeMeasurementThatItShowsAPartOf(string degradation)
    {
        const string Options = "--model model.safetensors --precision fp32 --method mmse --samples 1 --no-projection"; // what the network says
        var folder = $"photo-{degradation.Split(':')[0]}";
        (await world.Run($"degrade face.png -d {degradation} --out {folder}")).Expect(0);
        var result = (await world.Run($"restore {folder}/measurement.png -d {degradation} {Options} --out {folder}")).Expect(0);
        Assert.DoesNotContain("resized", result.Error);
        Assert.Equal(0, CliWorld.Difference(world.Load($"{folder}/measurement.png"), world.Load($"{folder}/measurement/measurement.png")));

        (await world.Run($"restore face.png --simulate -d {degradation} {Options} --out {folder}")).Expect(0);
        var (photo, whole) = (world.Load($"{folder}/measurement/mean.png"), world.Load($"{folder}/face/mean.png"));
        Assert.InRange(photo.Pixels.Zip(whole.Pixels, (a, b) => Math.Abs(a - b)).Average(), 0, 12);

        var wide = await world.Run($"restore wide.png -d {degradation} {Options} --out {folder}");
        if (degradation.StartsWith("motion"))
            Assert.Contains("wide.png: 40×24 pixels, resized and centre-cropped to 8×8", wide.Expect(0).Error);
        else
            wide.Expect(3).ExpectOneErrorLine("in the picture's own pixels"); // a kernel is never applied to a shrunken picture
    }

    [Theory]
    [InlineData("blur:sigma=1")]
    [InlineData("mask:mask.png")]
    [InlineData("box:2,2,9,9")]
    [InlineData("gaussian:sigma=1")]
    public async Task ADegradationInThePicturesOwnPixelsRefusesAPictureOfAnotherSize(string degradation)
    {
        var result = await world.Run($"restore wide.png -d {degradation} {Common} --out other-size");
        result.Expect(3).ExpectOneErrorLine("crop the picture to 16×16");
        Assert.Equal(degradation[0] is 'm' or 'b' && degradation[1] != 'l', result.Error.Contains("--tiles"));
        Assert.False(Directory.Exists(world.At("other-size")));
    }

    [Fact]
    public async Task AMeasurementThatContradictsItsOperatorIsSaidInOneLine()
    {
        const string Options = "--model model.safetensors --precision fp32 --method mmse --samples 1";
        const string Warning = "no image explains it as";
        (await world.Run("degrade face.png -d blur:uniform=5,border=zero --out contradiction")).Expect(0);
        var right = (
            await world.Run($"restore contradiction/measurement.png -d blur:uniform=5,border=zero {Options} --out right --json")
        ).Expect(0);
        Assert.DoesNotContain(Warning, right.Error);
        Assert.Equal(2 / 255.0 / Math.Sqrt(12), right.Json.GetProperty("sigmaY").GetDouble(), 1e-9); // that of the rounding
        var wrong = (
            await world.Run($"restore contradiction/measurement.png -d blur:uniform=5,border=periodic {Options} --out wrong")
        ).Expect(0);
        Assert.Single(wrong.ErrorLines, l => l.Contains(Warning) && l.Contains("border"));
    }

    [Fact]
    public async Task ABrokenLaterInputIsFoundBeforeTheFirstIsRestored()
    {
        var result = await world.Run($"restore face.png truncated.png --simulate -d box:2,2,12,12 {Common} --out later");
        result.Expect(4).ExpectOneErrorLine("truncated.png");
        Assert.False(Directory.Exists(world.At("later")));
    }

    [Theory]
    [InlineData("--simulate -d missing-box:10,4,30,20", 40, 24)]
    [InlineData("--simulate -d sr:4,method=box", 40, 24)]
    [InlineData("-d sr:2,method=box", 80, 48)]
    [InlineData("-d gray", 40, 24)]
    public async Task APictureLargerThanTheModelsIsRestoredInTiles(string what, int width, int height)
    {
        var folder = $"tiles-{Guid.NewGuid():N}";
        const string Options = "--model model.safetensors --precision fp32 --steps 2 --samples 2 --tiles --overlap 8";
        var result = (await world.Run($"restore wide.png {what} {Options} --out {folder} --json")).Expect(0);
        Assert.DoesNotContain("resized", result.Error);
        var tiles = (width / 8 - 1) * (height / 8 - 1); // of 16 pixels, every 8
        Assert.Equal(tiles * 2 * 2, result.Json.GetProperty("evaluations").GetInt32());
        Assert.Contains($"wide.png: {tiles * 2 * 2} of {tiles * 2 * 2} evaluations", result.Error);
        Assert.Equal(8, result.Json.GetProperty("tileOverlap").GetInt32());
        foreach (var name in new[] { "mean", "pinv", "spread", "sample-01" })
        {
            var picture = world.Load($"{folder}/wide/{name}.png");
            Assert.Equal((width, height), (picture.Width, picture.Height));
        }
        Assert.True(world.Load($"{folder}/wide/sheet.png").Width > 3 * width);
    }

    [Fact]
    public async Task OneTileIsTheWholePicture()
    {
        (await world.Run($"restore face.png --simulate -d box:2,2,12,12 {Common} --out whole")).Expect(0);
        (await world.Run($"restore face.png --simulate -d box:2,2,12,12 {Common} --tiles --out one-tile")).Expect(0);
        foreach (var name in new[] { "sample-00.png", "sample-02.png", "mean.png" })
            Assert.Equal(File.ReadAllBytes(world.At($"whole/face/{name}")), File.ReadAllBytes(world.At($"one-tile/face/{name}")));
    }

    [Fact]
    public async Task AMeasurementThatDegradeWroteIsRestoredLikeTheSimulatedOne()
    {
        const string Degradation = "-d random-matrix:rows=16,seed=3";
        var degraded = (await world.Run($"degrade face.png {Degradation} --out degraded --json")).Expect(0);
        Assert.Equal(16, degraded.Json.GetProperty("measurementLength").GetInt32());
        (await world.Run($"restore degraded/y.npy {Degradation} {Common} --out from-file")).Expect(0);
        (await world.Run($"restore face.png --simulate {Degradation} {Common} --out from-image")).Expect(0);
        foreach (var name in new[] { "pinv.png", "sample-00.png", "mean.png" })
            Assert.Equal(File.ReadAllBytes(world.At($"from-image/face/{name}")), File.ReadAllBytes(world.At($"from-file/y/{name}")));
    }

    private JsonElement Report(string folder) =>
        JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(world.At($"{folder}/report.json")));
}

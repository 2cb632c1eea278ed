using System.Text.Json;
using InvFusion.Cli.Commands;
using InvFusion.Data;
using InvFusion.Formats.Numpy;
using InvFusion.Formats.Safetensors;
using InvFusion.Imaging;
using InvFusion.Metrics.Features;
using InvFusion.Models;
using InvFusion.Tests.Distributed;
using InvFusion.Tests.Metrics;
using InvFusion.Verification;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Cli.Tests;

/// <summary><c>metrics</c> and <c>fetch-weights</c> from end to end, without any weights.</summary>
public sealed class MetricsTests(CliWorld world)
{
    private const string Generate =
        "metrics gen --net model.safetensors --data set.ifds --degradation box:0,0,8,16 --steps 2 --precision fp32";

    [Fact]
    public async Task RestorationsAreScoredWithErrorBarsByThePublicFlags()
    {
        var result = (
            await world.Run(
                $"{Generate} --outdir scored --metrics psnr,ssim,consistency,consistency_psnr,projected_psnr,crps,coverage --num 5 --seed 2 --batch 2 --samples 2 --json --quiet"
            )
        ).Expect(0);
        Assert.Empty(result.Error);
        var results = Results(result.Json);
        Assert.Equal(
            ["psnr", "ssim", "consistency", "consistency_psnr", "projected_psnr", "crps", "coverage"],
            results.Select(r => r.GetProperty("metric").GetString())
        );
        Assert.All(results, r => Assert.Equal(5, r.GetProperty("images").GetInt32()));
        Assert.All(
            results,
            r => Assert.InRange(r.GetProperty("value").GetDouble(), r.GetProperty("low").GetDouble(), r.GetProperty("high").GetDouble())
        );
        Assert.True(results[4].GetProperty("value").GetDouble() >= results[0].GetProperty("value").GetDouble());
        Assert.Equal(["batches", "evaluation.json", "metrics.json", "metrics.manifest.json", "metrics.md"], Entries("scored"));
        var saved = JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(world.At("scored/metrics.json")));
        Assert.Equal(5, saved.GetProperty("settings").GetProperty("images").GetInt32());
        var rows = File.ReadAllLines(world.At("scored/metrics.md"))[2..];
        Assert.Equal(results.Length, rows.Length);
        Assert.All(rows, row => Assert.Matches(@"^\| \w+ \| \S+ \| \S+ to \S+ \(bootstrap\) \| 5 \|", row));
        var used = ResultManifest.Load(world.At("scored/metrics.manifest.json"));
        Assert.Equal(["model model.safetensors"], used.Files.Select(f => $"{f.Role} {f.Name}"));
        Assert.Equal(UsedFile.Of("model", world.At("model.safetensors")), used.Files[0]);
        using var set = CachedDataset.Open(world.At("set.ifds"));
        Assert.Equal(Manifest.Of(set, [0, 1, 2, 3, 4]).ToJson(), used.Images!.ToJson());
        Assert.Equal(used.Images.Summary, saved.GetProperty("settings").GetProperty("data").GetString());
    }

    [Fact]
    public async Task AKilledEvaluationGoesOnWhereItWas()
    {
        const string Long = $"{Generate} --metrics psnr,ssim --batch 1 --samples 60 --json";
        using (var program = world.Start($"{Long} --outdir killed", _ => false))
        {
            while (!Directory.Exists(world.At("killed/batches")) || Directory.GetFiles(world.At("killed/batches"), "*.npz").Length == 0)
            {
                Assert.False(program.Ended, "it ended before it could be killed");
                await Task.Delay(5);
            }
        } // kills the process
        var left = Directory.GetFiles(world.At("killed/batches"), "*.npz").Length;
        Assert.InRange(left, 1, 5);
        var rest = (await world.Run($"{Long} --outdir killed")).Expect(0);
        Assert.Contains($"killed: {left} of 6 batches were done", rest.Error, StringComparison.Ordinal);
        Assert.Equal(left, rest.Json.GetProperty("resumedBatches").GetInt32());
        var whole = (await world.Run($"{Long} --outdir not-killed")).Expect(0);
        Assert.Equal(0, whole.Json.GetProperty("resumedBatches").GetInt32());
        foreach (var file in new[] { "metrics.json", "metrics.md", "metrics.manifest.json" })
            Assert.Equal(File.ReadAllBytes(world.At($"not-killed/{file}")), File.ReadAllBytes(world.At($"killed/{file}")));

        (await world.Run($"{Long} --outdir killed --seed 5")).Expect(3).ExpectOneErrorLine("differs in seed|--outdir");
    }

    /// <summary>A mask, kernel or matrix is part of what is evaluated: with other content under the same name, scores of before are not adopted.</summary>
    [Fact]
    public async Task AnotherMaskUnderTheSameNameIsAnotherEvaluation()
    {
        const string Masked =
            "metrics gen --net model.safetensors --data set.ifds -d mask:changing.png --steps 2 --precision fp32 --metrics psnr --num 2 -q --outdir changing";
        File.Copy(world.At("mask.png"), world.At("changing.png"));
        (await world.Run(Masked)).Expect(0);
        var used = ResultManifest.Load(world.At("changing/metrics.manifest.json"));
        Assert.Contains(used.Files, f => f == UsedFile.Of("degradation", world.At("mask.png")) with { Name = "changing.png" });
        (await world.Run(Masked)).Expect(0);
        var white = new RgbImage(CliWorld.Size, CliWorld.Size, 1);
        white.Pixels.AsSpan().Fill(255);
        world.Save("changing.png", white);
        (await world.Run(Masked)).Expect(3).ExpectOneErrorLine("differs in degradationFiles|--outdir");
    }

    [Fact]
    public void RanksThatWereStartedDifferentlyAreRefused()
    {
        var errors = new string?[3];
        ThreadedRanks.Run(
            3,
            ranks =>
            {
                RankedWork.RequireAgreement(ranks, new() { ["seed"] = 3, ["data"] = "2 images" });
                try
                {
                    RankedWork.RequireAgreement(ranks, new() { ["seed"] = ranks.Rank == 2 ? 4 : 3, ["data"] = "2 images" });
                }
                catch (ConfigurationException e)
                {
                    errors[ranks.Rank] = e.Message;
                }
            }
        );
        Assert.All(errors, e => Assert.StartsWith("the ranks differ in seed; ", e));
    }

    [Fact]
    public async Task WhatIsMissingIsSaidInOneLineAndTheOtherMetricsRun()
    {
        var result = (await world.Run($"{Generate} --metrics psnr,fid,lpips_alex --num 2 --outdir partly --quiet")).Expect(4);
        Assert.Equal(2, result.ErrorLines.Length);
        Assert.Contains("--ref", result.ErrorLines[0], StringComparison.Ordinal);
        foreach (var words in new[] { "alexnet-owt-7be5be79.pth", "https://", "fetch-weights lpips_alex", "--weights lpips_alex=FILE" })
            Assert.Contains(words, result.ErrorLines[1], StringComparison.Ordinal);
        Assert.Contains("| psnr | ", result.Output, StringComparison.Ordinal);

        Npz.Write(
            world.At("edm.npz"),
            [
                new("mu", NpyArray.FromDoubles(new double[2048], 2048)),
                new("sigma", NpyArray.FromDoubles(new double[2048 * 2048], 2048, 2048)),
            ]
        );
        (await world.Run($"{Generate} --metrics fid --ref edm.npz --num 2 --outdir not --quiet"))
            .Expect(4)
            .ExpectOneErrorLine("fid|pt_inception-2015-12-05-6726825d.pth|fetch-weights inception");
        (await world.Run("metrics gen-uncond --net model.safetensors --metrics fid --ref edm.npz --num 2 --outdir not --quiet"))
            .Expect(4)
            .ExpectOneErrorLine("fid|fetch-weights inception");
        (await world.Run("metrics gen-uncond --net model.safetensors --metrics psnr --num 2 --outdir not --quiet"))
            .Expect(4)
            .ExpectOneErrorLine("psnr|true images");
        (await world.Run("metrics ref set.ifds -o ref.npz --detector inception dinov2"))
            .Expect(4)
            .ExpectOneErrorLine("--detector inception|fetch-weights inception");
        (await world.Run("metrics ref images -o ref.npz")).Expect(2).ExpectOneErrorLine("--size");
        (await world.Run($"{Generate} --metrics frechet --outdir not")).Expect(3).ExpectOneErrorLine("frechet|psnr");
        (await world.Run($"{Generate} --blind --outdir not")).Expect(3).ExpectOneErrorLine("--blind");
        (await world.Run($"{Generate} --cfg 2 --outdir not")).Expect(3).ExpectOneErrorLine("--cfg|--guide");
        Assert.False(Path.Exists(world.At("not")));
    }

    [Fact]
    public async Task AnUnconditionalModelRestoresByAZeroShotMethodAndComparisonsTakeMoreMetrics()
    {
        const string Prior = "metrics gen --net prior.safetensors --uncond --data set.ifds -d sr:4 --num 2 --steps 3 --precision fp32";
        var result = (await world.Run($"{Prior} --metrics residual --outdir prior --json --quiet")).Expect(0);
        Assert.Equal("ddnm", result.Json.GetProperty("settings").GetProperty("method").GetString());

        const string Compare = "compare set.ifds --model model.safetensors --method mmse -d sr:4 --num 3 --precision fp32 --quiet";
        var compared = (await world.Run($"{Compare} --metrics projected_psnr,residual,fid --out more --json")).Expect(0);
        Assert.Contains("fid", Assert.Single(compared.ErrorLines), StringComparison.Ordinal);
        var row = compared.Json.GetProperty("rows").EnumerateArray().Last();
        var metrics = row.GetProperty("metrics").EnumerateArray().ToDictionary(m => m.GetProperty("metric").GetString()!);
        Assert.Equal(row.GetProperty("consistency").GetDouble(), metrics["residual"].GetProperty("value").GetDouble(), 1e-9);
        Assert.Equal(
            row.GetProperty("psnr").GetProperty("mean").GetDouble(),
            metrics["projected_psnr"].GetProperty("value").GetDouble(),
            1e-3
        );
        Assert.Contains("residual_low", File.ReadAllLines(world.At("more/compare.csv"))[0], StringComparison.Ordinal);
    }

    /// <summary>
    /// With an Inception network of formula weights: where nothing is lost, x + H⁺(y - Hx) is the truth, and its distance to statistics of the same images is none.
    /// </summary>
    [Fact]
    public async Task DistancesToStatisticsOfASetAreComputedWithGivenWeights()
    {
        WriteInception(world.At("inception.safetensors"));
        const string Weights = "--weights inception=inception.safetensors --quiet";
        (await world.Run($"metrics ref set.ifds -o faces.npz --detector inception {Weights}")).Expect(0);
        var result = (
            await world.Run(
                $"metrics gen --net model.safetensors --data set.ifds -d sr:1,method=box --steps 2 --precision fp32 --ref faces.npz --metrics fid,projected_fid,projected_kid --outdir distances {Weights} --json"
            )
        ).Expect(0);
        var results = Results(result.Json);
        Assert.All(
            results,
            r => Assert.Equal(("inception-tf1", 6), (r.GetProperty("detector").GetString(), r.GetProperty("images").GetInt32()))
        );
        double[] values = [.. results.Select(r => r.GetProperty("value").GetDouble())];
        Assert.True(values[0] > 0.1, $"fid {values[0]}");
        Assert.InRange(values[1] / values[0], -1e-3, 1e-3);
        Assert.True(values[2] < 0, $"of a set and itself the unbiased estimate is below 0, this is {values[2]}");
        var uncond = (
            await world.Run(
                $"metrics gen-uncond --net model.safetensors --ref faces.npz --metrics kid --num 3 --steps 2 --precision fp32 --outdir scored-draws {Weights} --json"
            )
        ).Expect(0);
        Assert.True(Results(uncond.Json)[0].GetProperty("value").GetDouble() > values[2]);
    }

    /// <summary>The face network of random weights judges restorations, and its files are in the manifest of the result.</summary>
    [Fact]
    public async Task TheFaceNetworkJudgesByTheFolderOfItsWeights()
    {
        Directory.CreateDirectory(world.At("face-weights"));
        FaceFiles.Write(world.At("face-weights"), seed: 1);
        const string Weights = "--weights face=face-weights --quiet";
        (await world.Run($"metrics ref set.ifds -o face-ref.npz --detector face {Weights}")).Expect(0);
        var result = (
            await world.Run(
                $"metrics gen --net model.safetensors --data set.ifds -d sr:1,method=box --steps 2 --precision fp32 --ref face-ref.npz --metrics fd_face,projected_fd_face,face_similarity,projected_face_similarity --outdir judged {Weights} --json"
            )
        ).Expect(0);
        double[] values = [.. Results(result.Json).Select(r => r.GetProperty("value").GetDouble())];
        Assert.Equal("face-dlib-v1", Results(result.Json)[0].GetProperty("detector").GetString());
        Assert.InRange(values[1] / values[0], -1e-3, 1e-3); // nothing is lost: projected images are the true ones
        Assert.True(values[2] < 0.9, $"face_similarity {values[2]}");
        Assert.Equal(1, values[3], 1e-3);
        var used = ResultManifest.Load(world.At("judged/metrics.manifest.json")).Files.Select(f => $"{f.Role} {f.Name}");
        Assert.Contains($"weights face {FaceFiles.Manifest}", used);
        Assert.Contains($"weights face {FaceFiles.Weights}", used);
        (await world.Run($"{Generate} --metrics face_similarity --outdir not"))
            .Expect(4)
            .ExpectOneErrorLine("fetch-weights face|--weights face=");
    }

    /// <summary>
    /// Every source that a set can be prepared from gives the statistics of the prepared set, and an IDX file gives its own; what was used is told beside each file.
    /// </summary>
    [Fact]
    public async Task StatisticsAreTakenFromEverySource()
    {
        const string Small = "--detector small --quiet";
        (await world.Run($"metrics ref set.ifds -o prepared.npz {Small}")).Expect(0);
        (await world.Run($"metrics ref images --size 16 -o folder.npz {Small}")).Expect(0);
        var used = ResultManifest.Load(world.At("folder.npz.manifest.json"));
        Assert.Equal(["weights small fd-small.safetensors"], used.Files.Select(f => $"{f.Role} {f.Name}"));
        Assert.Equal((6, "images"), (used.Images!.Count, used.Images.Source));
        Assert.Equal(File.ReadAllText(world.At("prepared.npz.manifest.json")), File.ReadAllText(world.At("folder.npz.manifest.json")));
        Assert.Equal(File.ReadAllBytes(world.At("prepared.npz")), File.ReadAllBytes(world.At("folder.npz")));

        byte[] header = [0, 0, 8, 3, 0, 0, 0, 5, 0, 0, 0, 20, 0, 0, 0, 20]; // five images of 20x20
        File.WriteAllBytes(world.At("grey-idx3-ubyte"), [.. header, .. Enumerable.Range(0, 5 * 400).Select(i => (byte)(i * i % 251))]);
        (await world.Run($"metrics ref grey-idx3-ubyte -o grey.npz {Small}")).Expect(0);
        used = ResultManifest.Load(world.At("grey.npz.manifest.json"));
        Assert.Equal(("grey-idx3-ubyte", 5, 1, 20), (used.Images!.Source, used.Images.Count, used.Images.Channels, used.Images.Size));

        foreach (var set in new[] { "grey-idx3-ubyte", "set.ifds" })
            (await world.Run($"metrics ref {set} --size 64 -o not.npz {Small}"))
                .Expect(3)
                .ExpectOneErrorLine($"--size 64|{set}|leave it out");
        foreach (
            var command in new[]
            {
                "metrics gen --net model.safetensors --outdir not --data",
                "compare --method mmse --model model.safetensors --num 2 --out not",
            }
        )
            (await world.Run($"{command} grey-idx3-ubyte -d box:0,0,8,16"))
                .Expect(3)
                .ExpectOneErrorLine("grey-idx3-ubyte|images of 1x20x20|the model works on 3x16x16");
        Assert.False(Path.Exists(world.At("not")) || Path.Exists(world.At("not.npz")));
    }

    /// <summary>Draws have no images of a set: the manifest tells model, reference and weights. Too few images for an error bar are a reason, not a gap.</summary>
    [Fact]
    public async Task DrawsTellWhatTheyWereMadeOfAndWhyThereIsNoErrorBar()
    {
        (await world.Run("metrics ref set.ifds -o drawn.npz --detector small --quiet")).Expect(0);
        (
            await world.Run(
                "metrics gen-uncond --net model.safetensors --ref drawn.npz --metrics fd_small,kid_small --num 3 --steps 2 --precision fp32 --outdir drawn-scores --quiet"
            )
        ).Expect(0);
        var used = ResultManifest.Load(world.At("drawn-scores/metrics.manifest.json"));
        Assert.Null(used.Images);
        Assert.Equal(
            ["model model.safetensors", "reference drawn.npz", "weights small fd-small.safetensors"],
            used.Files.Select(f => $"{f.Role} {f.Name}")
        );
        Assert.Equal(UsedFile.Of("reference", world.At("drawn.npz")), used.Files[1]);
        var rows = File.ReadAllLines(world.At("drawn-scores/metrics.md"))[2..];
        Assert.Equal(2, rows.Length);
        Assert.All(rows, row => Assert.Contains("| none: needs two images in each of 10 groups", row, StringComparison.Ordinal));
    }

    private static void WriteInception(string path)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var network = new InceptionNetwork();
        var state = network.state_dict().Where(t => t.Value.dtype == ScalarType.Float32).ToArray();
        foreach (var (name, tensor) in state)
        {
            var positive = name.EndsWith("running_var", StringComparison.Ordinal) || name.EndsWith("bn.weight", StringComparison.Ordinal);
            var amplitude = tensor.dim() > 1 ? Math.Sqrt(6.0 / (tensor.numel() / tensor.shape[0])) : 0.25; // keeps the size of activations
            ProceduralTensor.Fill(tensor, name, positive ? 1 : 0, amplitude);
        }
        SafetensorsWriter.Write(path, [.. state.Select(t => NetworkFile.ToWrite(t.Key, t.Value))]);
    }

    [Fact]
    public async Task FetchingSaysWhyItCannot()
    {
        (await world.Run("fetch-weights nothing")).Expect(3).ExpectOneErrorLine("nothing|inception|dinov2|lpips_alex|lpips_vgg");
        (await world.Run("fetch-weights inception --sha256 12")).Expect(2).ExpectOneErrorLine("--sha256 12");
        (await world.Run("fetch-weights inception --url ftp://x")).Expect(2).ExpectOneErrorLine("--url ftp://x");
        (await world.Run("fetch-weights inception --quiet --url http://127.0.0.1:1/"))
            .Expect(4)
            .ExpectOneErrorLine("http://127.0.0.1:1/pt_inception-2015-12-05-6726825d.pth|cannot be fetched|copy the file to");
    }

    private static JsonElement[] Results(JsonElement json) => [.. json.GetProperty("results").EnumerateArray()];

    private IEnumerable<string?> Entries(string folder) =>
        Directory.GetFileSystemEntries(world.At(folder)).Select(Path.GetFileName).Order();
}

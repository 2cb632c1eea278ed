using System.CommandLine;
using System.Text.Json.Nodes;
using InvFusion.Cli.Rendering;
using InvFusion.Data;
using InvFusion.Distributed;
using InvFusion.Metrics.Features;
using InvFusion.Metrics.References;
using InvFusion.Metrics.Weights;

namespace InvFusion.Cli.Commands;

/// <summary><c>metrics ref</c>: statistics of a set's feature vectors, which distances are taken to.</summary>
internal static class ReferenceCommand
{
    public static Command Create()
    {
        var options = new SharedOptions();
        var data = new Argument<string>("data") { Description = $"Images: {ImageSets.Usage}" };
        var output = new Option<string>("--out", "-o", "--dest") { Description = "The .npz file to write", Required = true };
        var detectors = new Option<string[]>("--detector")
        {
            Description = $"Feature networks; several may follow: {string.Join(", ", Detectors.All.Select(d => d.Name))}",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => ["inception"],
        };
        var weights = MetricFlags.WeightsOption();
        var size = new Option<int?>("--size") { Description = "Side to which images of a folder or zip are cropped and resized" };
        var count = new Option<int?>("--num") { Description = "How many images, from the first on; all by default" };
        var batch = new Option<int>("--batch") { Description = "Images that go through a network together", DefaultValueFactory = _ => 32 };
        var command = new Command("ref", "Computes reference statistics of a set")
        {
            data,
            output,
            detectors,
            weights,
            size,
            count,
            batch,
            options.DeviceName,
            options.Threads,
        };
        options.AddOutput(command);
        command.Add(options.Json);
        command.SetWork(
            (parsed, cancellation) =>
                RankedWork.Run(
                    parsed,
                    options,
                    "run the same command again",
                    (ranks, reporter) => Run(parsed, ranks, reporter, cancellation)
                )
        );
        return command;

        int Run(ParseResult parsed, ICollective ranks, Reporter reporter, CancellationToken cancellation)
        {
            var path = parsed.GetValue(data)!;
            var file = OutputFile.Require("--out", parsed.GetValue(output)!);
            var kinds = parsed.GetValue(detectors)!.Distinct().Select(Detectors.Find).ToArray();
            using var set = ImageSets.OpenPictures(path, parsed.GetValue(size));
            if (parsed.GetValue(size) is { } side && side != set.Size)
                throw new ConfigurationException($"--size {side}: {path} has images of {set.Size}; leave it out");
            var images = parsed.GetValue(count) ?? set.Count;
            if (images < 2 || images > set.Count)
                throw new ConfigurationException($"--num {images}: must be 2 to {set.Count}, the images of {path}");
            if (parsed.GetValue(batch) < 1)
                throw new ConfigurationException($"--batch {parsed.GetValue(batch)}: must be at least 1");
            var cache = new WeightCache(parsed.GetValue(weights)!);
            var extractors = new List<IFeatureExtractor>();
            try
            {
                foreach (var kind in kinds)
                    extractors.Add(Create(kind, cache, options.Device(parsed, ranks)));
                var used = new ResultManifest
                {
                    Files = [.. MetricFlags.WeightsOf(kinds.SelectMany(k => k.Files(cache).Select(f => (k.Name, f))))],
                    Images = ImageSets.ManifestOf(set, images, reporter, cancellation),
                };
                RankedWork.RequireAgreement(ranks, RankedWork.Settings(parsed, used));
                var info = new JsonObject
                {
                    ["data"] = used.Images.Summary,
                    ["images"] = images,
                    ["size"] = set.Size,
                    ["detectors"] = JsonText.Array(extractors.Select(e => e.Name)),
                };
                using var statistics = reporter.Run(
                    "reference",
                    "images",
                    progress =>
                        ReferenceBuilder.Build(
                            set,
                            images,
                            extractors,
                            parsed.GetValue(batch),
                            info.ToJsonString(),
                            ranks,
                            progress,
                            cancellation
                        )
                );
                if (!ranks.IsFirst())
                    return ExitCode.Success;
                ReferenceFile.Save(file, statistics);
                used.Save(file + Manifest.Extension);
                reporter.Line($"{file}: {images} images, {string.Join(", ", statistics.Entries.Keys)}");
                info["file"] = file;
                if (parsed.GetValue(options.Json))
                    JsonText.Print(info);
                return ExitCode.Success;
            }
            finally
            {
                extractors.ForEach(e => e.Dispose());
            }
        }
    }

    private static IFeatureExtractor Create(DetectorKind kind, WeightCache cache, TorchSharp.torch.Device device)
    {
        try
        {
            return kind.Create(cache, device);
        }
        catch (DataFormatException e)
        {
            throw new DataFormatException($"--detector {kind.Name}: {e.Message}", e);
        }
    }
}

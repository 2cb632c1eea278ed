using System.CommandLine;
using System.Text.Json.Nodes;
using InvFusion.Autoencoding;
using InvFusion.Cli.Rendering;
using InvFusion.Data;
using InvFusion.Formats.IO;
using InvFusion.Imaging;
using TorchSharp;

namespace InvFusion.Cli.Commands;

/// <summary><c>dataset prepare</c> and <c>dataset info</c>.</summary>
internal static class DatasetCommand
{
    public static Command Create() => new("dataset", "Prepares and examines sets of images") { Prepare(), Info() };

    private static Command Prepare()
    {
        var options = new SharedOptions();
        var source = new Argument<string>("source") { Description = $"A folder or zip of images, or {DatasetLayouts.Usage}" };
        var target = new Argument<string>("target") { Description = "The file to write" };
        var size = new Option<int>("--size") { Description = "Side of the images in pixels", Required = true };
        var crop = new Option<CropMode>("--crop") { Description = "Adm (as ImageNet's), Lanczos, Box or Bicubic" };
        var skip = new Option<bool>("--leave-out-broken") { Description = "Leave broken images out (they are named) instead of stopping" };
        var autoencoder = new Option<string?>("--autoencoder")
        {
            Description = "Store latents of this VAE (.safetensors, names of diffusers or CompVis) instead of pixels",
        };
        var scale = new Option<LatentScale>("--latent-scale")
        {
            Description = "Edm2 (its numbers, for Stable Diffusion's VAE) or Measured (those of this set)",
        };
        var command = new Command("prepare", "Folder or zip → resized, cached set")
        {
            source,
            target,
            size,
            crop,
            skip,
            autoencoder,
            scale,
            options.DeviceName,
            options.Threads,
        };
        options.AddOutput(command);
        command.Add(options.Json);
        command.SetWork(
            (parsed, cancellation) =>
            {
                var reporter = new Reporter(parsed.GetValue(options.Quiet));
                var path = OutputFile.Require("target", parsed.GetValue(target)!);
                using var images = ImageSource.Open(parsed.GetValue(source)!);
                using var encoder = Load(parsed, options, parsed.GetValue(autoencoder));
                var prepare = new PrepareOptions
                {
                    Size = parsed.GetValue(size),
                    Crop = parsed.GetValue(crop),
                    LeaveOutBroken = parsed.GetValue(skip),
                    Latents = encoder is null
                        ? null
                        : new(encoder, Path.GetFileName(parsed.GetValue(autoencoder)!), parsed.GetValue(scale)),
                };
                var header = reporter.Run(
                    "prepare",
                    "images",
                    p => DatasetPreparer.Prepare(images, path, prepare, new ImageProgress(p), cancellation)
                );
                Manifest.Of(header).Save(path + Manifest.Extension);
                foreach (var name in header.Broken)
                    reporter.Line($"left out: {name}");
                if (header.Skipped.Length > 0)
                    reporter.Line($"left out: {FileKinds.Count(header.Skipped)}");
                reporter.Line(
                    $"{path}: {header.Count} {Kind(header)} of {header.Channels}×{header.Size}×{header.Size}, SHA-256 {header.Sha256}"
                );
                if (parsed.GetValue(options.Json))
                    JsonText.Print(Json(header));
                return ExitCode.Success;
            }
        );
        return command;
    }

    private static Command Info()
    {
        var options = new SharedOptions();
        var source = new Argument<string>("source") { Description = $"A folder, a zip, a prepared set, or {DatasetLayouts.Usage}" };
        var command = new Command("info", "Counts, sizes and broken files by name") { source };
        options.AddOutput(command);
        command.Add(options.Json);
        command.SetWork(
            (parsed, cancellation) =>
            {
                var reporter = new Reporter(parsed.GetValue(options.Quiet));
                var path = parsed.GetValue(source)!;
                var json = parsed.GetValue(options.Json);
                return CachedDataset.IsCached(path) ? Cached(path, json, cancellation) : Examine(path, json, reporter, cancellation);
            }
        );
        return command;
    }

    private static KlAutoencoder? Load(ParseResult parsed, SharedOptions options, string? file)
    {
        if (file is null)
            return null;
        InputImage.RequireFile(file);
        options.StartTorch(parsed);
        return AutoencoderFile.Load(file).to(options.Device(parsed));
    }

    private static string Kind(CachedHeader header) => header.Latents is { } l ? $"latents of {l.Autoencoder}" : "images";

    private static int Cached(string path, bool json, CancellationToken cancellation)
    {
        using var set = CachedDataset.Open(path);
        set.Verify(cancellation);
        var h = set.Header;
        if (json)
            JsonText.Print(Json(h));
        else
            Console.WriteLine(
                Names.Line(
                    $"{h.Count} {Kind(h)} of {h.Channels}×{h.Size}×{h.Size}, crop {h.Crop}, from {h.Source}, {h.ClassCount} classes; whole"
                )
            );
        return ExitCode.Success;
    }

    private static int Examine(string path, bool json, Reporter reporter, CancellationToken cancellation)
    {
        using var images = ImageSource.Open(path);
        var report = reporter.Run("examine", "images", p => DatasetReport.Examine(images, new ImageProgress(p), cancellation));
        if (json)
            JsonText.Print(Json(report));
        else
            foreach (var line in Lines(report))
                Console.WriteLine(Names.Line(line));
        return report.Broken.Count == 0 ? ExitCode.Success : ExitCode.Data;
    }

    private static IEnumerable<string> Lines(DatasetReport report) =>
        [
            $"{report.Count} images, {report.ClassSizes.Count} classes, {FileKinds.Count(report.Skipped)}",
            .. report.Sizes.Select(s => $"{s.Width}×{s.Height}: {s.Count}"),
            .. report.Broken.Select(b => $"broken: {b.Name}: {b.Reason}"),
        ];

    private static JsonObject Json(DatasetReport report) =>
        new()
        {
            ["count"] = report.Count,
            ["classes"] = report.ClassSizes.Count,
            ["otherFiles"] = JsonText.Array(report.Skipped),
            ["sizes"] = new JsonArray([
                .. report.Sizes.Select(s => new JsonObject
                {
                    ["width"] = s.Width,
                    ["height"] = s.Height,
                    ["count"] = s.Count,
                }),
            ]),
            ["broken"] = new JsonObject(report.Broken.Select(b => KeyValuePair.Create(b.Name, (JsonNode?)b.Reason))),
        };

    private static JsonObject Json(CachedHeader header) =>
        new()
        {
            ["count"] = header.Count,
            ["channels"] = header.Channels,
            ["size"] = header.Size,
            ["crop"] = header.Crop,
            ["source"] = header.Source,
            ["classes"] = header.ClassCount,
            ["latents"] = header.Latents is { } l
                ? new JsonObject
                {
                    ["autoencoder"] = l.Autoencoder,
                    ["fingerprint"] = l.Fingerprint,
                    ["mean"] = new JsonArray([.. l.Mean.Select(m => (JsonNode)m)]),
                    ["std"] = new JsonArray([.. l.Std.Select(s => (JsonNode)s)]),
                }
                : null,
            ["sha256"] = header.Sha256,
            ["broken"] = JsonText.Array(header.Broken),
        };
}

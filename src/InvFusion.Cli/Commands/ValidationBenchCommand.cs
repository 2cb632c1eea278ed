using System.CommandLine;
using System.Text.Json.Nodes;
using InvFusion.Cli.Rendering;
using InvFusion.Data;
using InvFusion.Evaluation;
using InvFusion.Formats.IO;
using InvFusion.Formats.Safetensors;
using InvFusion.Models;
using InvFusion.Training;
using InvFusion.Training.Validation;

namespace InvFusion.Cli.Commands;

/// <summary><c>bench validation</c>: the validation loss of networks, and their differences on the same noise.</summary>
internal sealed class ValidationBenchCommand
{
    private static readonly string[] Files = ["validation.md", "validation.csv", "validation-images.csv", "validation-differences.csv"];
    private const string ManifestFile = "validation" + Manifest.Extension;
    private static readonly ValidationPlan Default = new() { Number = 100 };

    private readonly SharedOptions _shared = new();
    private readonly Option<string[]> _models = Several(
        "--model",
        "Names or files; later ones are compared with the first",
        ModelCatalog.Default
    );
    private readonly Option<string> _data = new("--data") { Description = $"Held-out images: {ImageSets.Usage}", Required = true };
    private readonly Option<int?> _count = ImageSets.CountOption(Default.Number);
    private readonly Option<string[]> _degradations = Several(
        "--degradations",
        "Families and degradations, with @σ_y behind those with noise (motion@0.1); several may follow",
        [.. Default.Degradations]
    );
    private readonly Option<double[]> _sigmas = Several("--sigmas", "Noise levels, rising; several may follow", [.. Default.Sigmas]);
    private readonly Option<int> _batch = new("--batch")
    {
        Description = "Images that go through a network together",
        DefaultValueFactory = _ => Default.Batch,
    };

    public static Command Create() => new ValidationBenchCommand().Build();

    private Command Build()
    {
        _degradations.Aliases.Add("-d");
        var command = new Command("validation", "Denoising error on held-out images at fixed noise levels, noise and degradations")
        {
            _models,
            _data,
            _count,
            _degradations,
            _sigmas,
            _batch,
            _shared.DeviceName,
            _shared.Precision,
            _shared.Threads,
            _shared.Out,
        };
        _shared.AddOutput(command);
        command.Add(_shared.Json);
        command.SetWork((parsed, cancellation) => Run(parsed, new Reporter(parsed.GetValue(_shared.Quiet)), cancellation));
        return command;
    }

    private int Run(ParseResult parsed, Reporter reporter, CancellationToken cancellation)
    {
        var plan = new ValidationPlan
        {
            Number = parsed.GetValue(_count) ?? Default.Number,
            Batch = parsed.GetValue(_batch),
            Degradations = parsed.GetValue(_degradations)!,
            Sigmas = parsed.GetValue(_sigmas)!,
        };
        plan.Validate("bench validation: ");
        string[] models = [.. parsed.GetValue(_models)!.Select(m => ModelCatalog.Resolve(m))];
        _shared.StartTorch(parsed);
        using var images = ImageSets.Open(parsed.GetValue(_data)!, Configuration(models[0]));
        plan = plan with { Number = ImageSets.Count(parsed.GetValue(_count), Default.Number, images, parsed.GetValue(_data)!) };
        foreach (var model in models)
            ValidationLoss.RequireFit(images, Configuration(model), $"--model {model}");
        var folder = parsed.GetValue(_shared.Out)!;
        OutputFolder.Require(folder);
        var loss = new ValidationLoss(images, plan, _shared.Device(parsed));
        var report = new ValidationReport();
        foreach (var (model, name) in models.Zip(Names(models)))
        {
            using var network = _shared.LoadModel(parsed, model);
            var values = reporter.Run(
                name,
                "degraded images",
                progress =>
                    loss.Measure(network, LossOf(model, network), stop: () => cancellation.IsCancellationRequested, progress: progress)
            );
            if (values is null)
            {
                reporter.Line($"cancelled after {report.Models.Count()} models");
                return ExitCode.Cancelled;
            }
            report.Add(name, values);
            Write(report, images, folder); // hours may be behind it
        }
        var used = new ResultManifest
        {
            Files = [.. models.Select(m => UsedFile.Of("model", m))],
            Images = ImageSets.ManifestOf(images, plan.Number, reporter, cancellation),
        };
        used.Save(Path.Combine(folder, ManifestFile));
        if (parsed.GetValue(_shared.Json))
            JsonText.Print(Json(report, folder));
        else
            Console.Write(report.Markdown());
        return ExitCode.Success;
    }

    private static void Write(ValidationReport report, IImageSet images, string folder)
    {
        string[] texts = [report.Markdown(), report.Csv(), report.ImagesCsv(images.Names), report.DifferencesCsv()];
        foreach (var (file, text) in Files.Zip(texts))
            AtomicFile.WriteAllText(Path.Combine(folder, file), text);
    }

    private static JsonObject Json(ValidationReport report, string folder) =>
        new()
        {
            ["folder"] = folder,
            ["files"] = JsonText.Array([.. Files, ManifestFile]),
            ["models"] = new JsonArray([
                .. report.Models.Select(m => new JsonObject
                {
                    ["model"] = m.Model,
                    ["images"] = m.Values.Images,
                    ["sigmas"] = new JsonArray([.. m.Values.Sigmas.Select(s => JsonValue.Create(s))]),
                    ["loss"] = m.Loss.Mean,
                    ["low"] = m.Loss.Low,
                    ["high"] = m.Loss.High,
                    ["degradations"] = new JsonObject(
                        m.Values.Degradations.Index()
                            .Select(d => KeyValuePair.Create(d.Item.Text, (JsonNode?)Degradation(m.Values, d.Index)))
                    ),
                }),
            ]),
        };

    private static JsonObject Degradation(ValidationValues values, int d) =>
        new JsonObject
        {
            ["loss"] = values.Losses(d).Average(),
            ["mse"] = new JsonArray([.. Enumerable.Range(0, values.Sigmas.Count).Select(k => JsonValue.Create(values.MeanError(d, k)))]),
        };

    // Files of one name, as of two runs, go by their paths.
    private static string[] Names(string[] models)
    {
        var names = models.Select(m => Path.GetFileNameWithoutExtension(m)).ToArray();
        return names.Distinct().Count() == names.Length ? names : models;
    }

    private static NetworkConfiguration Configuration(string model)
    {
        using var file = SafetensorsFile.Open(model);
        return NetworkFile.ReadConfiguration(file, model);
    }

    // A file of an older program does not say; directions are trained by one loss alone.
    private static LossKind LossOf(string model, PreconditionedNetwork network)
    {
        using var file = SafetensorsFile.Open(model);
        return file.Metadata.TryGetValue("invfusion.loss", out var text) && Enum.TryParse<LossKind>(text, out var kind) ? kind
            : network.Configuration.Directions > 0 ? LossKind.Nppc
            : LossKind.Edm;
    }

    private static Option<T[]> Several<T>(string name, string description, params T[] values) =>
        new(name)
        {
            Description = description,
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => values,
        };
}

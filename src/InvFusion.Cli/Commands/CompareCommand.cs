using System.CommandLine;
using System.Text.Json.Nodes;
using InvFusion.Cli.Rendering;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Evaluation;
using InvFusion.Formats.IO;
using InvFusion.Models;

namespace InvFusion.Cli.Commands;

/// <summary><c>compare</c>: models × methods × degradations on one set, as a table.</summary>
internal static class CompareCommand
{
    public static Command Create()
    {
        var options = new SharedOptions();
        var data = new Argument<string>("data") { Description = "Clean images: a prepared set, a folder or a zip" };
        var models = new Option<string[]>("--model")
        {
            Description = "Names or files; several may follow",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [ModelCatalog.Default],
        };
        var methods = new Option<string[]>("--method")
        {
            Description = "Samplers; several may follow",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => ["mmse", "edm"],
        };
        var degradations = new Option<string[]>("--degradation", "-d")
        {
            Description = "Degradations; several may follow",
            AllowMultipleArgumentsPerToken = true,
            Required = true,
        };
        var count = new Option<int>("--num") { Description = "How many images, from the first on", DefaultValueFactory = _ => 100 };
        var batch = new Option<int>("--batch") { Description = "Images that go through a network together", DefaultValueFactory = _ => 20 };
        var command = new Command("compare", "One table: models × methods × degradations, with the same operators, measurements and noise")
        {
            data,
            models,
            methods,
            degradations,
            count,
            batch,
            options.Steps,
            options.Churn,
            options.Seed,
            options.NoProjection,
            options.DeviceName,
            options.Precision,
            options.Threads,
            options.Out,
        };
        options.Sampler.AddTo(command);
        options.AddOutput(command);
        command.Add(options.Json);
        command.SetWork(
            (parsed, cancellation) =>
            {
                var reporter = new Reporter(parsed.GetValue(options.Quiet));
                options.StartTorch(parsed);
                var specifications = parsed.GetValue(degradations)!.Select(DegradationSpec.Parse).ToArray();
                var networks = parsed
                    .GetValue(models)!
                    .Select(m => (Name: Path.GetFileNameWithoutExtension(m), Network: options.LoadModel(parsed, m)))
                    .ToArray();
                using var images = ImageSets.Open(parsed.GetValue(data)!, networks[0].Network.Configuration);
                var given = options.Sampler.Read(parsed, parsed.GetValue(options.Steps), parsed.GetValue(options.Churn));
                RequireKnown(given, parsed.GetValue(methods)!);
                var contestants = networks
                    .SelectMany(n =>
                        parsed
                            .GetValue(methods)!
                            .Select(m => Contestant(n.Name, n.Network, m, given, !parsed.GetValue(options.NoProjection)))
                    )
                    .ToArray();
                var wanted = parsed.GetValue(count);
                if (wanted < 1 || wanted > images.Count)
                    throw new ConfigurationException($"--num {wanted}: must be 1 to {images.Count}, the images of {parsed.GetValue(data)}");
                var comparison = new MethodComparison(
                    images,
                    Math.Max(1, parsed.GetValue(batch)),
                    parsed.GetValue(options.Seed),
                    options.Device(parsed)
                );
                var folder = parsed.GetValue(options.Out)!;
                OutputFolder.Require(folder);
                var (rows, cancelled) = (new List<ComparisonRow>(), false);
                try
                {
                    foreach (var specification in specifications)
                        rows.AddRange(
                            reporter.Run(
                                specification.Text,
                                "restorations",
                                p => comparison.Run(specification, contestants, wanted, p, cancellation)
                            )
                        );
                }
                catch (OperationCanceledException) when (rows.Count > 0)
                {
                    cancelled = true; // the degradations that are done are kept
                    reporter.Line($"cancelled after {rows.Count} rows");
                }
                AtomicFile.WriteAllText(Path.Combine(folder, "compare.md"), ComparisonRow.Markdown(rows));
                AtomicFile.WriteAllText(Path.Combine(folder, "compare.csv"), ComparisonRow.Csv(rows));
                if (parsed.GetValue(options.Json))
                    JsonText.Print(Json(folder, rows, cancelled));
                else
                    Console.Write(ComparisonRow.Markdown(rows));
                foreach (var (_, network) in networks)
                    network.Dispose();
                return cancelled ? ExitCode.Cancelled : ExitCode.Success;
            }
        );
        return command;
    }

    private static JsonObject Json(string folder, List<ComparisonRow> rows, bool cancelled) =>
        new()
        {
            ["folder"] = folder,
            ["files"] = JsonText.Array(["compare.md", "compare.csv"]),
            ["rows"] = new JsonArray([
                .. rows.Select(r => new JsonObject
                {
                    ["degradation"] = r.Degradation,
                    ["model"] = r.Model,
                    ["method"] = r.Method,
                    ["images"] = r.Images,
                    ["psnr"] = r.Psnr,
                    ["psnrError"] = r.PsnrError,
                    ["consistency"] = r.Consistency,
                    ["evaluations"] = r.Evaluations,
                    ["secondsPerImage"] = r.SecondsPerImage,
                }),
            ]),
            ["cancelled"] = cancelled,
        };

    // Each method gets the options that it knows: mmse takes no steps, and --steps is for the others.
    private static MethodComparison.Contestant Contestant(
        string name,
        PreconditionedNetwork network,
        string method,
        SamplerOptions given,
        bool project
    )
    {
        var options = given.For(Samplers.Find(method));
        _ = Samplers.Create(method, options); // refuses values out of range before the first image
        return new(name, network, method, options, project);
    }

    private static void RequireKnown(SamplerOptions given, string[] methods)
    {
        var known = methods.SelectMany(m => Samplers.Find(m).OptionNames).ToHashSet();
        if (given.Given().Keys.FirstOrDefault(o => o != "steps" && !known.Contains(o)) is { } unknown)
            throw new ConfigurationException(
                $"--{unknown}: none of the methods {string.Join(", ", methods)} has this option; leave it out"
            );
    }
}

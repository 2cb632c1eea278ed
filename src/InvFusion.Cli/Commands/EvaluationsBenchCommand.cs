using System.CommandLine;
using System.Text.Json.Nodes;
using InvFusion.Cli.Rendering;
using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Distributed;
using InvFusion.Evaluation;
using InvFusion.Metrics.Runs;
using InvFusion.Metrics.Scores;
using InvFusion.Models;
using InvFusion.Restoration;

namespace InvFusion.Cli.Commands;

/// <summary><c>bench evaluations</c>: quality against evaluations of the network, for several samplers from the same noise.</summary>
internal sealed class EvaluationsBenchCommand
{
    private const int MostEvaluations = 10_000;

    private readonly SharedOptions _shared = new();
    private readonly Option<string> _data = new("--data") { Description = $"Clean images: {ImageSets.Usage}", Required = true };
    private readonly Option<string[]> _degradations = new("--degradation", "-d", "--degradations")
    {
        Description = "Degradations; several may follow",
        AllowMultipleArgumentsPerToken = true,
        Required = true,
    };
    private readonly Option<string[]> _methods = new("--method", "--methods")
    {
        Description = "Samplers, separated by commas; the first, with the most evaluations, is what the others are compared with",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => ["edm,ipndm,dpmpp-2m,dpmpp-2m-sde,unipc"],
    };
    private readonly Option<string[]> _evaluations = new("--evaluations")
    {
        Description = "Evaluations for a sample, separated by commas; a method takes the most steps that fit",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => ["6,8,10,12,16,24,63"],
    };
    private readonly Option<int?> _count = ImageSets.CountOption(100);
    private readonly Option<int> _samples = new("--samples") { Description = "Samples of each image", DefaultValueFactory = _ => 2 };
    private readonly Option<int> _batch = new("--batch")
    {
        Description = "Images that go through the network together",
        DefaultValueFactory = _ => 20,
    };
    private readonly MetricFlags _metrics = new("to compute", "psnr,crps,spread_error,fd_small");

    public static Command Create() => new EvaluationsBenchCommand().Build();

    private Command Build()
    {
        var command = new Command(
            "evaluations",
            "Quality against evaluations of the network, of several samplers from the same noise; a killed run resumes where it was"
        )
        {
            _data,
            _shared.Model,
            _degradations,
            _methods,
            _evaluations,
            _shared.Noise,
            _count,
            _samples,
            _batch,
            _shared.Seed,
            _shared.Schedule,
            _shared.DeviceName,
            _shared.Precision,
            _shared.Threads,
            _shared.Out,
        };
        _metrics.AddTo(command);
        _shared.AddOutput(command);
        command.SetWork(Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancellation)
    {
        var reporter = new Reporter(parsed.GetValue(_shared.Quiet));
        var specifications = parsed.GetValue(_degradations)!.Select(DegradationSpec.Parse).ToArray();
        var numbers = NumberList.Parse("--evaluations", parsed.GetValue(_evaluations)!, MostEvaluations);
        using var network = _shared.LoadModel(parsed);
        ImageSets.RequirePictures(parsed.GetValue(_shared.Model)!, network.Configuration);
        var contestants = Contestants(parsed, network, numbers).ToArray();
        using var images = ImageSets.OpenPictures(parsed.GetValue(_data)!, network.Configuration);
        var options = Options(parsed, images);
        using var metrics = _metrics.Open(parsed, options.Device);
        var given = new RestoredImages(images, specifications[0], contestants[0], options, parsed.GetValue(_samples)).Given;
        var plan = metrics.Plan(given, new SingleProcess());
        var folder = parsed.GetValue(_shared.Out)!;
        OutputFolder.Require(folder);
        var used = new ResultManifest
        {
            Files =
            [
                UsedFile.Of("model", ModelCatalog.Resolve(parsed.GetValue(_shared.Model)!)),
                .. UsedFile.OfDegradations(specifications.SelectMany(s => s.Files)),
                .. metrics.FilesOf(plan),
            ],
            Images = ImageSets.ManifestOf(images, options.Count, reporter, cancellation),
        };
        var output = new EvaluationsOutput(folder, used);
        foreach (var specification in specifications)
        foreach (var contestant in contestants)
        {
            var evaluated = new RestoredImages(images, specification, contestant, options, parsed.GetValue(_samples));
            var title = $"{specification.Text}, {contestant.Method}, {contestant.Evaluations} evaluations";
            var outcome = reporter.Run(
                title,
                "evaluations",
                progress =>
                    EvaluationRun.Run(
                        evaluated,
                        plan,
                        output.FolderOf(specification.Text, options.SigmaY, contestant),
                        Settings(parsed, specification, evaluated, network, plan, used),
                        new SingleProcess(),
                        reporter.Line,
                        progress,
                        cancellation
                    )
            );
            foreach (var failure in outcome.Failures)
                reporter.Line($"warning: {title}: {failure}");
            output.Add(specification.Text, options.SigmaY, contestant, outcome);
        }
        Console.Write(output.Markdown());
        return plan.Refused.Count > 0 ? ExitCode.Data : ExitCode.Success;
    }

    // The baseline comes first: every other row is compared with it as soon as it is there.
    private IEnumerable<Contestant> Contestants(ParseResult parsed, PreconditionedNetwork network, int[] numbers)
    {
        var seen = new HashSet<(string, int)>();
        foreach (var name in parsed.GetValue(_methods)!.SelectMany(NumberList.Names))
        {
            var kind = Samplers.Find(name);
            MethodFit.Require($"--model {parsed.GetValue(_shared.Model)}", network.Configuration, kind.Name);
            if (kind.PointEstimate)
                throw new ConfigurationException($"--method {kind.Name}: takes one evaluation whatever is asked for; leave it out");
            foreach (var number in numbers.Reverse())
                if (kind.StepsWithin(number) is var steps and > 0 && seen.Add((kind.Name, steps)))
                {
                    var options = network.Schedules.Apply(kind, new SamplerOptions { Steps = steps });
                    yield return new(
                        Path.GetFileNameWithoutExtension(parsed.GetValue(_shared.Model)!),
                        network,
                        kind.Name,
                        options,
                        Project: false
                    );
                }
        }
    }

    private ComparisonOptions Options(ParseResult parsed, IImageSet images)
    {
        var options = new ComparisonOptions
        {
            Count = ImageSets.Count(parsed.GetValue(_count), 100, images, parsed.GetValue(_data)!),
            BatchSize = parsed.GetValue(_batch),
            Seed = parsed.GetValue(_shared.Seed),
            SigmaY = parsed.GetValue(_shared.Noise),
            Device = _shared.Device(parsed),
        };
        options.Validate();
        return options;
    }

    // All that decides a row: a folder of other settings is refused instead of gone on with.
    private JsonObject Settings(
        ParseResult parsed,
        DegradationSpec specification,
        RestoredImages images,
        PreconditionedNetwork network,
        MetricPlan plan,
        ResultManifest used
    )
    {
        var options = new JsonObject();
        foreach (var (name, value) in images.Contestant.Options.Given())
            options[name] = FormattableString.Invariant($"{value}");
        return new()
        {
            ["files"] = JsonText.Array(used.Files.Select(f => f.Sha256)),
            ["method"] = images.Contestant.Method,
            ["options"] = options,
            ["degradation"] = specification.Text,
            ["sigmaY"] = parsed.GetValue(_shared.Noise),
            ["data"] = used.Images?.Summary,
            ["images"] = images.Count,
            ["batch"] = images.BatchSize,
            ["samples"] = images.Samples,
            ["seed"] = parsed.GetValue(_shared.Seed),
            ["precision"] = $"{network.ComputeType}",
            ["metrics"] = JsonText.Array(plan.ImageMetrics.Select(m => m.Name).Concat(plan.SetMetrics.Select(m => m.Name))),
        };
    }
}

using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using InvFusion.Cli.Rendering;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Evaluation;
using InvFusion.Models;

namespace InvFusion.Cli.Commands;

/// <summary><c>model schedule</c>: fits noise schedules of few steps to a model and writes them into its file.</summary>
internal static class ScheduleCommand
{
    public static Command Create()
    {
        var options = new SharedOptions();
        var model = new Argument<string>("model") { Description = "A name under models/ or a file" };
        var steps = new Option<string[]>("--steps")
        {
            Description = "Numbers of steps to fit a schedule for, separated by commas",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => ["6,8,10,12"],
        };
        var data = new Option<string?>("--data")
        {
            Description = $"Held-out images, which are degraded and restored; without them images are drawn. {ImageSets.Usage}",
        };
        var degradations = new Option<string[]>("--degradation", "-d")
        {
            Description = "Degradations of --data; several may follow, and the batches take them in turn",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [],
        };
        var count = new Option<int>("--num") { Description = "How many samples to follow", DefaultValueFactory = _ => 256 };
        var batch = new Option<int>("--batch")
        {
            Description = "Samples that go through the network together",
            DefaultValueFactory = _ => 16,
        };
        var coefficient = new Option<double>("--coefficient")
        {
            Description = "How much more the error of later steps counts",
            DefaultValueFactory = _ => ScheduleSearch.DefaultCoefficient,
        };
        var output = new Option<string>("--out", "-o")
        {
            Description = "The .safetensors file to write; it may be the model's",
            Required = true,
        };
        var command = new Command(
            "schedule",
            "Fits noise schedules of few steps to a model (GITS, no training) and writes them into the file, for ipndm, dpmpp-2m, dpmpp-2m-sde and unipc"
        )
        {
            model,
            steps,
            data,
            degradations,
            options.Noise,
            count,
            batch,
            coefficient,
            options.Seed,
            options.DeviceName,
            options.Precision,
            options.Threads,
            output,
        };
        options.AddOutput(command);
        command.Add(options.Json);
        command.SetWork(
            (parsed, cancellation) =>
            {
                var wanted = NumberList.Parse("--steps", parsed.GetValue(steps)!, ScheduleSearch.TeacherSteps);
                var specifications = parsed.GetValue(degradations)!.Select(DegradationSpec.Parse).ToArray();
                var (source, to) = (parsed.GetValue(data), OutputFile.Require("--out", parsed.GetValue(output)!));
                if (source is null != (specifications.Length == 0))
                    throw new UsageException(
                        "--data and --degradation: belong together; give both, or neither to fit to images drawn without a measurement"
                    );
                var file = ModelCatalog.Resolve(parsed.GetValue(model)!);
                using var network = options.LoadModel(parsed, file);
                if (source is not null && network.Configuration.Kind == NetworkKind.Unconditional)
                    throw new ConfigurationException(
                        "--data: an unconditional model sees no measurement; leave --data and --degradation out"
                    );
                using var images = source is null ? null : ImageSets.OpenPictures(source, network.Configuration);
                var fit = new ComparisonOptions
                {
                    Count = parsed.GetValue(count),
                    BatchSize = parsed.GetValue(batch),
                    Seed = parsed.GetValue(options.Seed),
                    SigmaY = parsed.GetValue(options.Noise),
                    Device = options.Device(parsed),
                };
                var reporter = new Reporter(parsed.GetValue(options.Quiet));
                var search = reporter.Run(
                    "trajectories",
                    "evaluations",
                    progress => ScheduleFit.Run(network, images, specifications, fit, progress, cancellation)
                );
                var schedules = new ModelSchedules(wanted.Select(n => search.Choose(n, parsed.GetValue(coefficient))));
                NetworkFile.WriteSchedules(file, to, schedules);
                reporter.Line($"{to}: written");
                if (parsed.GetValue(options.Json))
                    JsonText.Print(new JsonObject { ["file"] = to, ["schedules"] = JsonNode.Parse(schedules.ToJson()) });
                else
                    foreach (var schedule in schedules.All)
                        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{schedule.Values.Count} steps: {schedule}"));
                return ExitCode.Success;
            }
        );
        return command;
    }
}

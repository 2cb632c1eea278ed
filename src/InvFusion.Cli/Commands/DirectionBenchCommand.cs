using System.CommandLine;
using InvFusion.Cli.Rendering;
using InvFusion.Degradations;
using InvFusion.Evaluation;
using InvFusion.Formats.IO;

namespace InvFusion.Cli.Commands;

/// <summary><c>bench directions</c>: what the principal directions of a network explain of its error.</summary>
internal static class DirectionBenchCommand
{
    public static Command Create()
    {
        var options = new SharedOptions();
        var data = new Argument<string>("data") { Description = $"Clean images: {ImageSets.Usage}" };
        var others = new Option<string>("--fit")
        {
            Description = "Other images, whose errors give the principal components to compare with",
            Required = true,
        };
        var otherCount = new Option<int>("--num-fit") { Description = "How many of them", DefaultValueFactory = _ => 1000 };
        var count = new Option<int>("--num") { Description = "How many images, from the first on", DefaultValueFactory = _ => 100 };
        var batch = new Option<int>("--batch")
        {
            Description = "Images that go through the network together",
            DefaultValueFactory = _ => 20,
        };
        var degradations = new Option<string[]>("--degradation", "-d")
        {
            Description = "Degradations; several may follow",
            AllowMultipleArgumentsPerToken = true,
            Required = true,
        };
        var model = new Option<string>("--model")
        {
            Description = "A model with directions: a name under models/ or a file",
            Required = true,
        };
        var command = new Command(
            "directions",
            "Share of a network's error that its principal directions explain, beside random ones and components"
        )
        {
            data,
            model,
            others,
            otherCount,
            degradations,
            options.Noise,
            count,
            batch,
            options.Seed,
            options.DeviceName,
            options.Precision,
            options.Threads,
            options.Out,
        };
        options.AddOutput(command);
        command.SetWork(
            (parsed, cancellation) =>
            {
                var reporter = new Reporter(parsed.GetValue(options.Quiet));
                var specifications = parsed.GetValue(degradations)!.Select(DegradationSpec.Parse).ToArray();
                using var network = options.LoadModel(parsed, parsed.GetValue(model)!);
                ImageSets.RequirePictures(parsed.GetValue(model)!, network.Configuration);
                using var images = ImageSets.OpenPictures(parsed.GetValue(data)!, network.Configuration);
                using var fit = ImageSets.OpenPictures(parsed.GetValue(others)!, network.Configuration);
                var folder = parsed.GetValue(options.Out)!;
                OutputFolder.Require(folder);
                var comparison = new ComparisonOptions
                {
                    Count = parsed.GetValue(count),
                    BatchSize = parsed.GetValue(batch),
                    Seed = parsed.GetValue(options.Seed),
                    SigmaY = parsed.GetValue(options.Noise),
                    Device = options.Device(parsed),
                };
                var rows = new List<DirectionRow>();
                foreach (var specification in specifications)
                {
                    var bench = new DirectionBench(network, specification, comparison);
                    rows.Add(
                        reporter.Run(
                            specification.Text,
                            "images",
                            progress => bench.Run(images, fit, parsed.GetValue(otherCount), progress, cancellation)
                        )
                    );
                    AtomicFile.WriteAllText(Path.Combine(folder, "directions.md"), DirectionRow.Markdown(rows));
                }
                Console.Write(DirectionRow.Markdown(rows));
                return ExitCode.Success;
            }
        );
        return command;
    }
}

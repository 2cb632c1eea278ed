using System.CommandLine;
using InvFusion.Cli.Rendering;
using InvFusion.Evaluation;
using InvFusion.Formats.IO;

namespace InvFusion.Cli.Commands;

/// <summary><c>bench directions</c>: what the principal directions of a network explain of its error.</summary>
internal static class DirectionBenchCommand
{
    public static Command Create()
    {
        var options = new SharedOptions();
        var set = new DegradedSetOptions(options, count: 100, batch: 20);
        var others = new Option<string>("--fit")
        {
            Description = "Other images, whose errors give the principal components to compare with",
            Required = true,
        };
        var otherCount = new Option<int>("--num-fit") { Description = "How many of them", DefaultValueFactory = _ => 1000 };
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
            set.Data,
            model,
            others,
            otherCount,
            set.Degradations,
            options.Noise,
            set.Count,
            set.Batch,
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
                var specifications = set.Specifications(parsed);
                using var network = options.LoadModel(parsed, parsed.GetValue(model)!);
                ImageSets.RequirePictures(parsed.GetValue(model)!, network.Configuration);
                using var images = ImageSets.OpenPictures(parsed.GetValue(set.Data)!, network.Configuration);
                using var fit = ImageSets.OpenPictures(parsed.GetValue(others)!, network.Configuration);
                var folder = parsed.GetValue(options.Out)!;
                OutputFolder.Require(folder);
                var comparison = set.Read(parsed, images);
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

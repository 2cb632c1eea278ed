using System.CommandLine;
using InvFusion.Cli.Rendering;
using InvFusion.Degradations;
using InvFusion.Evaluation;
using InvFusion.Formats.IO;

namespace InvFusion.Cli.Commands;

/// <summary><c>bench precision</c>: what bfloat16 does to samples.</summary>
internal static class PrecisionBenchCommand
{
    public static Command Create()
    {
        var options = new SharedOptions();
        var data = new Argument<string>("data") { Description = "Clean images: a prepared set, a folder or a zip" };
        var count = new Option<int>("--num") { Description = "How many images, from the first on", DefaultValueFactory = _ => 50 };
        var batch = new Option<int>("--batch")
        {
            Description = "Images that go through the network together",
            DefaultValueFactory = _ => 25,
        };
        var degradations = new Option<string[]>("--degradation", "-d")
        {
            Description = "Degradations; several may follow",
            AllowMultipleArgumentsPerToken = true,
            Required = true,
        };
        var command = new Command("precision", "PSNR of bfloat16 samples against float32 samples of the same random numbers")
        {
            data,
            degradations,
            options.Model,
            options.Steps,
            options.Noise,
            count,
            batch,
            options.Seed,
            options.DeviceName,
            options.Threads,
            options.Out,
        };
        options.AddOutput(command);
        command.SetWork(
            (parsed, cancellation) =>
            {
                var reporter = new Reporter(parsed.GetValue(options.Quiet));
                var specifications = parsed.GetValue(degradations)!.Select(DegradationSpec.Parse).ToArray();
                using var network = options.LoadModel(parsed);
                using var images = ImageSets.OpenPictures(parsed.GetValue(data)!, network.Configuration);
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
                var contestant = new Contestant("", network, "edm", new() { Steps = parsed.GetValue(options.Steps) }, Project: false);
                var rows = new List<PrecisionRow>();
                foreach (var specification in specifications)
                {
                    rows.Add(
                        reporter.Run(
                            specification.Text,
                            "images",
                            progress => PrecisionBench.Run(contestant, images, specification, comparison, progress, cancellation)
                        )
                    );
                    AtomicFile.WriteAllText(Path.Combine(folder, "precision.md"), PrecisionRow.Markdown(rows));
                }
                Console.Write(PrecisionRow.Markdown(rows));
                return ExitCode.Success;
            }
        );
        return command;
    }
}

using System.CommandLine;
using InvFusion.Cli.Rendering;
using InvFusion.Evaluation;
using InvFusion.Formats.IO;

namespace InvFusion.Cli.Commands;

/// <summary><c>bench precision</c>: what bfloat16 does to samples.</summary>
internal static class PrecisionBenchCommand
{
    public static Command Create()
    {
        var options = new SharedOptions();
        var set = new DegradedSetOptions(options, count: 50, batch: 25);
        var command = new Command("precision", "PSNR of bfloat16 samples against float32 samples of the same random numbers")
        {
            set.Data,
            set.Degradations,
            options.Model,
            options.Steps,
            options.Noise,
            set.Count,
            set.Batch,
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
                var specifications = set.Specifications(parsed);
                using var network = options.LoadModel(parsed);
                ImageSets.RequirePictures(parsed.GetValue(options.Model)!, network.Configuration);
                using var images = ImageSets.OpenPictures(parsed.GetValue(set.Data)!, network.Configuration);
                var folder = parsed.GetValue(options.Out)!;
                OutputFolder.Require(folder);
                var comparison = set.Read(parsed, images);
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

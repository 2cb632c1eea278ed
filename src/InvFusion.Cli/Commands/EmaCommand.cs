using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using InvFusion.Cli.Rendering;
using InvFusion.Training.Averages;

namespace InvFusion.Cli.Commands;

/// <summary><c>model ema</c>: averages of any length from the snapshots of a run.</summary>
internal static class EmaCommand
{
    public static Command Create()
    {
        var options = new SharedOptions();
        var run = new Option<string>("--run")
        {
            Description = "A run folder with snapshots (\"powerEma\" in its options)",
            Required = true,
        };
        var stds = new Option<string>("--std")
        {
            Description = "Widths of the averages relative to the training so far, separated by commas; 0.05 to 0.1 are usual",
            Required = true,
        };
        var images = new Option<long?>("--images")
        {
            Description = "Where the averages end, in images seen; the newest snapshot if left out",
        };
        var output = new Option<string>("--out", "-o")
        {
            Description = "The network file to write; with several widths each goes into its name",
            Required = true,
        };
        var command = new Command("ema", "Reconstructs averages of the weights of any length after the training (EDM2)")
        {
            run,
            stds,
            images,
            output,
            options.Threads,
        };
        options.AddOutput(command);
        command.Add(options.Json);
        command.SetWork(
            (parsed, cancellation) =>
            {
                var widths = Widths(parsed.GetValue(stds)!);
                var target = OutputFile.Require("--out", parsed.GetValue(output)!);
                options.StartTorch(parsed);
                var reporter = new Reporter(parsed.GetValue(options.Quiet));
                var written = new JsonArray();
                foreach (var std in widths)
                {
                    cancellation.ThrowIfCancellationRequested();
                    var average = PosthocAverage.OfRun(parsed.GetValue(run)!, std, parsed.GetValue(images));
                    var path = widths.Length == 1 ? target : WithWidth(target, std);
                    average.Save(path);
                    reporter.Line(
                        $"{path}: σ_rel {std} at image {average.Wanted.Images} from {average.Coefficients.Count} snapshots, profile met within {average.RelativeError:P1}"
                    );
                    written.Add(
                        new JsonObject
                        {
                            ["file"] = path,
                            ["std"] = std,
                            ["images"] = average.Wanted.Images,
                            ["snapshots"] = average.Coefficients.Count,
                            ["relativeError"] = average.RelativeError,
                        }
                    );
                }
                if (parsed.GetValue(options.Json))
                    JsonText.Print(new JsonObject { ["run"] = parsed.GetValue(run), ["averages"] = written });
                return ExitCode.Success;
            }
        );
        return command;
    }

    private static double[] Widths(string text) =>
        [
            .. text.Split(',')
                .Select(part =>
                    double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var std)
                        ? std
                        : throw new UsageException($"--std {text}: '{part}' is no number; give for example 0.05,0.1")
                ),
        ];

    private static string WithWidth(string path, double std) =>
        Path.Combine(
            Path.GetDirectoryName(path) ?? "",
            string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileNameWithoutExtension(path)}-{std:R}{Path.GetExtension(path)}")
        );
}

using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using InvFusion.Cli.Rendering;
using InvFusion.Data;
using InvFusion.Metrics.Features;
using InvFusion.Training.Features;

namespace InvFusion.Cli.Commands;

/// <summary><c>train-features</c>: makes the network of <c>fd_small</c>.</summary>
internal static class TrainFeaturesCommand
{
    public static Command Create()
    {
        var options = new SharedOptions();
        var defaults = new FeatureTrainingOptions();
        var data = new Option<string[]>("--data")
        {
            Description = "Images: folders, zips, prepared sets or IDX files, which take turns; several may follow",
            Required = true,
            AllowMultipleArgumentsPerToken = true,
        };
        var images = new Option<long>("--images") { Description = "Images of the whole run", DefaultValueFactory = _ => defaults.Images };
        var batch = new Option<int>("--batch") { Description = "Images of a step", DefaultValueFactory = _ => defaults.Batch };
        var rate = new Option<double>("--lr") { Description = "Learning rate", DefaultValueFactory = _ => defaults.LearningRate };
        var file = new Option<string>("--out", "-o") { Description = "The file to write", Required = true };
        var command = new Command(
            "train-features",
            "Trains the small network of fd_small without labels, on the CPU; Ctrl-C writes it as trained as it is then"
        )
        {
            data,
            images,
            batch,
            rate,
            file,
            options.Seed,
            options.Threads,
        };
        options.AddOutput(command);
        command.Add(options.Json);
        command.SetWork(
            (parsed, cancellation) =>
            {
                var reporter = new Reporter(parsed.GetValue(options.Quiet));
                var run = new FeatureTrainingOptions
                {
                    Images = parsed.GetValue(images),
                    Batch = parsed.GetValue(batch),
                    LearningRate = parsed.GetValue(rate),
                    Seed = parsed.GetValue(options.Seed),
                };
                run.Validate();
                var path = OutputFile.Require("--out", parsed.GetValue(file)!);
                var sets = new List<IImageSet>();
                try
                {
                    foreach (var source in parsed.GetValue(data)!)
                        sets.Add(ImageSets.OpenPictures(source, SmallFeatureNetwork.Side, 3));
                    options.StartTorch(parsed);
                    var lines = new StatusLines(reporter);
                    var (network, seen) = FeatureTrainer.Train(sets, run, lines, cancellation);
                    using (network)
                        SmallFeatureFile.Save(path, network, Metadata(sets, run, seen, lines.Last));
                    reporter.Line($"{path}: after {seen} images{(seen < run.Images ? ", cancelled" : "")}");
                    if (parsed.GetValue(options.Json))
                        JsonText.Print(Json(path, seen, run.Images, lines.Last));
                    return seen < run.Images ? ExitCode.Cancelled : ExitCode.Success;
                }
                finally
                {
                    foreach (var set in sets)
                        set.Dispose();
                }
            },
            keeps: true
        );
        return command;
    }

    private static Dictionary<string, string> Metadata(
        List<IImageSet> sets,
        FeatureTrainingOptions run,
        long seen,
        FeatureTrainingStatus last
    ) =>
        new()
        {
            ["invfusion.images"] = seen.ToString(CultureInfo.InvariantCulture),
            ["invfusion.batch"] = run.Batch.ToString(CultureInfo.InvariantCulture),
            ["invfusion.seed"] = run.Seed.ToString(CultureInfo.InvariantCulture),
            ["invfusion.sets"] = string.Join(",", sets.Select(s => $"{s.Count}x{s.Channels}x{s.Size}x{s.Size}")),
            ["invfusion.loss"] = last.Loss.ToString("F4", CultureInfo.InvariantCulture),
        };

    private static JsonObject Json(string path, long seen, long all, FeatureTrainingStatus last) =>
        new()
        {
            ["file"] = path,
            ["images"] = seen,
            ["totalImages"] = all,
            ["cancelled"] = seen < all,
            ["loss"] = last.Loss,
            ["found"] = last.Found,
            ["seconds"] = last.Seconds,
        };

    private sealed class StatusLines(Reporter reporter) : IProgress<FeatureTrainingStatus>
    {
        public FeatureTrainingStatus Last { get; private set; }

        public void Report(FeatureTrainingStatus value)
        {
            Last = value;
            reporter.Line(
                FormattableString.Invariant(
                    $"{value.Images} of {value.TotalImages} images, loss {value.Loss:F4}, {value.Found:P1} found, {value.Seconds:F0} seconds"
                )
            );
        }
    }
}

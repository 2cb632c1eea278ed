using System.CommandLine;
using System.Text.Json.Nodes;
using InvFusion.Cli.Rendering;
using InvFusion.Distributed;
using InvFusion.Models;
using InvFusion.Training;
using InvFusion.Training.Validation;

namespace InvFusion.Cli.Commands;

/// <summary><c>train</c>: starts a run, or goes on with the one in the folder.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var options = new SharedOptions();
        var config = new Option<string?>("--config")
        {
            Description = "Training options as JSON (see configs/); a started run keeps its own",
        };
        var data = new Option<string?>("--data") { Description = $"Images: {ImageSets.Usage}" };
        var preset = new Option<string?>("--preset") { Description = $"Network: {string.Join(", ", NetworkPresets.All.Keys)}" };
        var kind = new Option<NetworkKind?>("--kind") { Description = "InvFusion, Blind or Unconditional, instead of the configuration's" };
        var images = new Option<long?>("--images") { Description = "Images of the whole run" };
        var batch = new Option<int?>("--batch") { Description = "Images of one pass" };
        var rate = new Option<double?>("--lr") { Description = "Learning rate" };
        var coolDown = new Option<double?>("--cool-down")
        {
            Description = "Last images of the run, over which the rate falls to zero; 0 for none (learningRate.coolDownImages)",
        };
        var warm = new Option<string?>("--warm-start") { Description = "Start from the weights of this network file" };
        var resume = new Option<string?>("--resume") { Description = "Go on with the run in this folder, instead of --out" };
        var seed = new Option<ulong?>("--seed") { Description = "Seed of everything random" };
        var command = new Command(
            "train",
            "Trains a network; Ctrl-C, SIGTERM or a file 'suspend' in the folder end it with a checkpoint (exit code 130), --resume goes on"
        )
        {
            config,
            data,
            preset,
            kind,
            images,
            batch,
            rate,
            coolDown,
            warm,
            resume,
            seed,
            options.DeviceName,
            options.Threads,
            options.Out,
        };
        options.AddOutput(command);
        command.Add(options.Json);
        command.SetWork(
            (parsed, cancellation) =>
                RankedWork.Run(
                    parsed,
                    options,
                    "run the same command again to go on from the last checkpoint",
                    (ranks, reporter) => Train(parsed, ranks, reporter, cancellation)
                ),
            keeps: true
        );
        return command;

        TrainingOptions Options(ParseResult parsed, string folder)
        {
            var run = Base(folder, parsed.GetValue(config), parsed.GetValue(data), parsed.GetValue(preset), parsed.GetValue(kind));
            return run with
            {
                Images = parsed.GetValue(images) ?? run.Images,
                Batch = parsed.GetValue(batch) ?? run.Batch,
                LearningRate = run.LearningRate with
                {
                    Rate = parsed.GetValue(rate) ?? run.LearningRate.Rate,
                    CoolDownImages = parsed.GetValue(coolDown) ?? run.LearningRate.CoolDownImages,
                },
                WarmStart = parsed.GetValue(warm) ?? run.WarmStart,
                Seed = parsed.GetValue(seed) ?? run.Seed,
            };
        }

        int Train(ParseResult parsed, ICollective ranks, Reporter reporter, CancellationToken cancellation)
        {
            var folder = Folder(parsed.GetValue(resume), parsed.GetValue(options.Out)!);
            OutputFolder.RequireName(folder);
            // Rank 0 reads them for all: it may be about to write the file that another would read.
            var run = TrainingOptions.FromJson(ranks.Text(() => Options(parsed, folder).WithAbsolutePaths().ToJson()), "training options");
            using var set = ImageSets.Open(run.Data, run.Network);
            ImageSets.TellSkipped(set, reporter);
            using var heldOut = run.Validation is { } validation ? ImageSets.Open(validation.Data, run.Network) : null;
            var device = options.Device(parsed, ranks);
            var exchange = Collectives.On(ranks, device);
            using (exchange == ranks ? null : exchange)
            {
                var lines = new StatusLines(reporter);
                using var trainer = new Trainer(run, folder, set, w => reporter.Line($"warning: {w}"), device, exchange, heldOut)
                {
                    Validated = lines,
                };
                if (trainer.ImagesSeen > 0)
                    reporter.Line($"{folder}: going on at image {trainer.ImagesSeen}");
                trainer.Run(lines, cancellation);
                var cancelled = trainer.ImagesSeen < run.Images;
                reporter.Line($"{folder}: network-ema.safetensors after {trainer.ImagesSeen} images");
                if (cancelled)
                    reporter.Line($"cancelled; 'train --resume {folder}' goes on");
                if (parsed.GetValue(options.Json) && ranks.IsFirst())
                    JsonText.Print(Json(folder, trainer.ImagesSeen, run.Images, lines, cancelled));
                return cancelled ? ExitCode.Cancelled : ExitCode.Success;
            }
        }
    }

    private static string Folder(string? resume, string folder)
    {
        if (resume is null)
            return folder;
        if (!File.Exists(Path.Combine(resume, "options.json")))
            throw new ConfigurationException(
                $"--resume {resume}: has no run (no options.json); 'train --config FILE --out FOLDER' starts one"
            );
        return resume;
    }

    private static TrainingOptions Base(string folder, string? config, string? data, string? preset, NetworkKind? kind)
    {
        var saved = Path.Combine(folder, "options.json");
        var source = config ?? (File.Exists(saved) ? saved : null);
        if (source is not null)
        {
            InputImage.RequireFile(source);
            var options = TrainingOptions.FromJson(File.ReadAllText(source), source);
            return options with { Data = data ?? options.Data, Network = options.Network with { Kind = kind ?? options.Network.Kind } };
        }
        if (data is null || preset is null)
            throw new UsageException("train: give --config FILE, or --data and --preset, or --out with a run that was started before");
        return new TrainingOptions
        {
            Data = data,
            Network = NetworkPresets.Get(preset, kind ?? NetworkKind.InvFusion),
            PowerEma = new() { Stds = [0.05, 0.1] },
        };
    }

    // The last status is null where there was nothing left to train.
    private static JsonObject Json(string folder, long seen, long all, StatusLines lines, bool cancelled) =>
        new()
        {
            ["folder"] = folder,
            ["network"] = "network-ema.safetensors",
            ["images"] = seen,
            ["totalImages"] = all,
            ["cancelled"] = cancelled,
            ["loss"] = lines.Last?.Loss,
            ["validationLoss"] = lines.LastValidation?.ValidationLoss,
            ["consistency"] = lines.Last?.Consistency,
            ["learningRate"] = lines.Last?.LearningRate,
            ["secondsPerKimg"] = lines.Last?.SecondsPerKimg,
            ["seconds"] = lines.Last?.Seconds,
            ["skippedGradients"] = lines.Last?.SkippedGradients,
        };

    private sealed class StatusLines(Reporter reporter) : IProgress<TrainingStatus>, IProgress<ValidationStatus>
    {
        public TrainingStatus? Last { get; private set; }

        public ValidationStatus? LastValidation { get; private set; }

        public void Report(ValidationStatus s)
        {
            LastValidation = s;
            reporter.Line(s.Line());
        }

        public void Report(TrainingStatus s)
        {
            Last = s;
            var left = Reporter.Time((s.TotalImages - s.Images) * s.SecondsPerKimg / 1000);
            reporter.Line(
                $"{s.Images} of {s.TotalImages} images, loss {s.Loss:F4}, lr {s.LearningRate:G3}, {1000 / s.SecondsPerKimg:F1} images a second, {s.MemoryMegabytes:F0} MB, {left} left"
                    + (s.SkippedGradients > 0 ? $", {s.SkippedGradients} gradients were not finite" : "")
            );
        }
    }
}

using System.CommandLine;
using InvFusion.Cli.Rendering;
using InvFusion.Degradations;
using InvFusion.Evaluation.Speed;
using InvFusion.Models;

namespace InvFusion.Cli.Commands;

/// <summary><c>bench speed</c>: how fast the parts of the program and whole jobs are on this machine.</summary>
internal static class BenchSpeedCommand
{
    public static Command Create()
    {
        var options = new SharedOptions();
        var parts = Several<string>("--parts", $"Parts, all by default: {Parts()}");
        var presets = Several<string>("--preset", $"Networks with random weights: {string.Join(", ", NetworkPresets.All.Keys)}");
        var models = Several<string>("--model", "Trained models: names under models/ or files; by default each part has its own networks");
        var batches = Several<int>("--batch", "Images that are computed together; by default each part has its own");
        var degradations = Several<string>("--degradation", "Degradations; patches, random-matrix:rows=128 and motion by default");
        degradations.Aliases.Add("-d");
        var precisions = Several<string>("--precision", "fp32, bf16 or both; both by default");
        var repeats = new Option<int?>("--repeats") { Description = "Timed repetitions, 3 or more; 7 by default" };
        var data = new Option<string?>("--data") { Description = "Images to decode: a folder or zip; pictures made for it by default" };
        var quick = new Option<bool>("--quick") { Description = "Small shapes, in seconds: to see that everything runs" };
        var file = new Option<string?>("--out", "-o") { Description = "File for the report, as JSON; up to date after every row" };
        var against = new Option<string?>("--against") { Description = "An earlier report: prints new over old seconds of each row" };
        var command = new Command("speed", "Seconds of products, blocks, operators, networks, restorations and training steps")
        {
            parts,
            presets,
            models,
            batches,
            degradations,
            precisions,
            repeats,
            data,
            quick,
            file,
            against,
            options.Threads,
            options.Json,
        };
        options.AddOutput(command);
        command.SetWork(
            (parsed, cancellation) =>
            {
                var old = parsed.GetValue(against) is { } earlier ? SpeedReport.Load(earlier) : null;
                var bench = new SpeedBench(
                    new SpeedOptions
                    {
                        Parts = parsed.GetValue(parts)!,
                        Networks =
                        [
                            .. parsed.GetValue(presets)!.Select(SpeedNetwork.OfPreset),
                            .. parsed.GetValue(models)!.Select(m => SpeedNetwork.OfFile(ModelCatalog.Resolve(m))),
                        ],
                        FindModel = name => ModelCatalog.Resolve(name),
                        Batches = parsed.GetValue(batches)!,
                        Degradations = [.. parsed.GetValue(degradations)!.Select(DegradationSpec.Parse)],
                        Precisions = parsed.GetValue(precisions) is { Length: > 0 } given ? given : ["fp32", "bf16"],
                        Repeats = parsed.GetValue(repeats),
                        Threads = options.ThreadCount(parsed),
                        Data = parsed.GetValue(data),
                        Quick = parsed.GetValue(quick),
                    }
                );
                options.StartTorch(parsed);
                var output = new SpeedOutput(
                    parsed.GetValue(options.Json) ? new Reporter(parsed.GetValue(options.Quiet)).Line : Console.WriteLine,
                    parsed.GetValue(file)
                );
                var report = bench.Run(output, cancellation);
                output.Finish(report, old is null ? null : SpeedComparison.Of(old, report), parsed.GetValue(options.Json));
                return report.Complete ? ExitCode.Success : ExitCode.Cancelled;
            },
            keeps: true
        );
        return command;
    }

    private static string Parts() => string.Join("; ", SpeedParts.Descriptions.Select(p => $"{p.Name} ({p.Description})"));

    private static Option<T[]> Several<T>(string name, string description) =>
        new(name)
        {
            Description = description,
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [],
        };
}

using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using InvFusion.Cli.Rendering;
using InvFusion.Formats;
using InvFusion.Formats.Safetensors;
using InvFusion.Models;
using InvFusion.Training;
using InvFusion.Verification;

namespace InvFusion.Cli.Commands;

/// <summary><c>model</c>: info, convert and verify; <see cref="EmaCommand"/>, <see cref="ScheduleCommand"/> and <see cref="ModelDifference"/> beside them.</summary>
internal static class ModelCommand
{
    public static Command Create() =>
        new("model", "Describes, converts and verifies models")
        {
            Info(),
            ConvertModel(),
            EmaCommand.Create(),
            ScheduleCommand.Create(),
            Verify(),
            ModelDifference.Create(),
        };

    private static Command Info()
    {
        var options = new SharedOptions();
        var model = new Argument<string>("model")
        {
            Description = "A name under models/ or a file",
            DefaultValueFactory = _ => ModelCatalog.Default,
        };
        var command = new Command("info", "Parameters, configuration and cost of an evaluation; checks the checksums of a training state")
        {
            model,
        };
        options.AddOutput(command);
        command.Add(options.Json);
        command.SetWork(
            (parsed, _) =>
            {
                var path = ModelCatalog.Resolve(parsed.GetValue(model)!);
                using var file = SafetensorsFile.Open(path);
                var network = NetworkFile.ReadConfiguration(file, path);
                if (TrainingState.IsOne(file))
                    TrainingState.Verify(file, path);
                if (parsed.GetValue(options.Json))
                    JsonText.Print(ModelDescription.Json(path, file, network));
                else
                    foreach (var line in ModelDescription.Lines(path, file, network))
                        Console.WriteLine(line);
                return ExitCode.Success;
            }
        );
        return command;
    }

    private static Command ConvertModel()
    {
        var options = new SharedOptions();
        var input = new Argument<string>("input") { Description = "A PyTorch checkpoint (.pt, .pkl) or a network file (.safetensors)" };
        var output = new Argument<string>("output") { Description = "The .safetensors file to write" };
        var preset = new Option<string?>("--preset")
        {
            Description = $"Configuration of a PyTorch checkpoint: {string.Join(", ", NetworkPresets.All.Keys)}",
        };
        var network = new Option<string?>("--network") { Description = "… or a JSON file with the configuration" };
        var kind = new Option<NetworkKind?>("--kind")
        {
            Description =
                "Of a preset: InvFusion, Blind or Unconditional. Of a blind network file: Unconditional, its prior where it is given no measurement",
        };
        var entry = new Option<string?>("--entry")
        {
            Description = "Which entry of the checkpoint; without it ema, else state_dict, else the saved object itself",
        };
        var type = new Option<string>("--dtype") { Description = "fp32, or bf16 to halve the size", DefaultValueFactory = _ => "fp32" };
        var command = new Command(
            "convert",
            "PyTorch checkpoint → safetensors, another storage type, or an unconditional network out of a blind one"
        )
        {
            input,
            output,
            preset,
            network,
            kind,
            entry,
            type,
        };
        options.AddOutput(command);
        command.Add(options.Json);
        command.SetWork(
            (parsed, _) =>
            {
                var (from, to) = (parsed.GetValue(input)!, OutputFile.Require("output", parsed.GetValue(output)!));
                InputImage.RequireFile(from);
                options.StartTorch(parsed);
                var element = parsed.GetValue(type) switch
                {
                    "fp32" => ElementType.F32,
                    "bf16" => ElementType.BF16,
                    var other => throw new UsageException($"--dtype {other}: unknown; use fp32 or bf16"),
                };
                if (Path.GetExtension(from).Equals(".safetensors", StringComparison.OrdinalIgnoreCase))
                    ModelConverter.FromSafetensors(from, to, element, parsed.GetValue(kind));
                else
                    ModelConverter.FromPyTorch(
                        from,
                        to,
                        Configuration(parsed.GetValue(preset), parsed.GetValue(network), parsed.GetValue(kind) ?? NetworkKind.InvFusion),
                        parsed.GetValue(entry),
                        element
                    );
                new Reporter(parsed.GetValue(options.Quiet)).Line($"{to}: written");
                if (parsed.GetValue(options.Json))
                    JsonText.Print(
                        new JsonObject
                        {
                            ["input"] = from,
                            ["output"] = to,
                            ["dtype"] = parsed.GetValue(type),
                            ["bytes"] = new FileInfo(to).Length,
                        }
                    );
                return ExitCode.Success;
            }
        );
        return command;
    }

    private static NetworkConfiguration Configuration(string? preset, string? file, NetworkKind kind) =>
        (preset, file) switch
        {
            (null, null) => throw new UsageException("model convert: a PyTorch checkpoint needs --preset NAME or --network FILE"),
            (not null, not null) => throw new UsageException("model convert: give one of --preset and --network, not both"),
            (null, not null) => Read(file),
            (not null, null) => NetworkPresets.Get(preset, kind),
        };

    private static NetworkConfiguration Read(string file)
    {
        InputImage.RequireFile(file);
        return NetworkConfiguration.FromJson(File.ReadAllText(file), file);
    }

    private static Command Verify()
    {
        var options = new SharedOptions();
        var folder = new Argument<string>("folder") { Description = "A folder of vectors" };
        var device = new Option<string>("--device")
        {
            Description = "cpu, auto or cuda:i; on a GPU whole networks and their gradients are compared, and nothing else",
            DefaultValueFactory = _ => "cpu",
        };
        var filter = new Option<string?>("--filter") { Description = "Only cases whose name contains this (or matches a pattern with *)" };
        var command = new Command("verify", "Runs vectors of the public implementation; 1 if any case is over its tolerance")
        {
            folder,
            filter,
            device,
            options.Threads,
        };
        options.AddOutput(command);
        command.Add(options.Json);
        command.SetWork(
            (parsed, cancellation) =>
            {
                options.StartTorch(parsed);
                var clock = Stopwatch.StartNew();
                var json = parsed.GetValue(options.Json);
                Action<string> print = json ? new Reporter(parsed.GetValue(options.Quiet)).Line : Console.WriteLine;
                var results = GoldenVerifier
                    .Run(
                        parsed.GetValue(folder)!,
                        parsed.GetValue(filter),
                        new ResultLines(print),
                        SharedOptions.Device(parsed.GetValue(device)!),
                        cancellation
                    )
                    .ToArray();
                var counts = results.CountBy(r => r.Status).OrderBy(c => c.Key).Select(c => $"{c.Value} {c.Key}");
                print($"{string.Join(", ", counts)} in {clock.Elapsed.TotalSeconds:F0} s");
                if (json)
                    JsonText.Print(Json(parsed.GetValue(folder)!, results, clock.Elapsed));
                return results.Any(r => r.Status is CaseStatus.Failed or CaseStatus.Error) ? ExitCode.Failure : ExitCode.Success;
            }
        );
        return command;
    }

    private static JsonObject Json(string folder, CaseResult[] results, TimeSpan time) =>
        new()
        {
            ["folder"] = folder,
            ["counts"] = new JsonObject(results.CountBy(r => r.Status).Select(c => KeyValuePair.Create($"{c.Key}", (JsonNode?)c.Value))),
            ["seconds"] = time.TotalSeconds,
            ["cases"] = new JsonArray([
                .. results.Select(r => new JsonObject
                {
                    ["case"] = r.Case,
                    ["status"] = $"{r.Status}",
                    ["worstRelativeError"] = r.WorstRelativeError,
                    ["tolerance"] = r.Tolerance,
                    ["worstTensor"] = r.WorstTensor,
                    ["compared"] = r.Compared,
                    ["message"] = r.Message,
                }),
            ]),
        };

    private sealed class ResultLines(Action<string> print) : IProgress<CaseResult>
    {
        public void Report(CaseResult r)
        {
            var numbers = double.IsNaN(r.WorstRelativeError)
                ? ""
                : $" {r.WorstRelativeError:E1} (tolerance {r.Tolerance:E0}, {r.WorstTensor}, {r.Compared} compared)";
            print($"{r.Status, -10} {r.Case}{numbers} {r.Message}".TrimEnd());
        }
    }
}

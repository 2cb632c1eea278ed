using System.CommandLine;
using System.Text.Json.Nodes;
using InvFusion.Cli.Rendering;
using InvFusion.Restoration;
using static TorchSharp.torch;

namespace InvFusion.Cli.Commands;

/// <summary><c>sample</c>: images without a measurement.</summary>
internal static class SampleCommand
{
    public static Command Create()
    {
        var options = new SharedOptions();
        var alone = new Option<bool>("--no-grid")
        {
            Description = "Leave the grid of all images out, so that the folder is a set of images",
        };
        var command = new Command("sample", "Draws images without a measurement") { alone };
        options.AddNetwork(command);
        options.AddSampling(command);
        options.AddOutput(command);
        command.Add(options.Json);
        command.SetWork(
            (parsed, cancellation) =>
            {
                var reporter = new Reporter(parsed.GetValue(options.Quiet));
                options.StartTorch(parsed);
                var settings = SamplingOptions.Restore(parsed, options);
                settings.Validate();
                var folder = parsed.GetValue(options.Out)!;
                OutputFolder.RequireName(folder);
                using var network = options.LoadModel(parsed);
                settings = settings.WithSchedule(network);
                using var guide = options.LoadGuide(parsed);
                using var codec = options.LoadCodec(parsed, network.Configuration);
                OutputFolder.Require(folder);
                var output = new SampleOutput(folder, settings.Seed, settings.Drawn);
                using var scope = NewDisposeScope();
                var restorer = new Restorer(network, guide) { Codec = codec, Drawn = output.Add };
                using var drawn = SamplingWork.Run("sample", restorer, null, null, settings, reporter, cancellation);
                var files = output.Finish(grid: !parsed.GetValue(alone));
                reporter.Line($"{folder}: {output.Count} images");
                if (parsed.GetValue(options.Json))
                    JsonText.Print(
                        new JsonObject
                        {
                            ["folder"] = folder,
                            ["files"] = JsonText.Array(files),
                            ["class"] = settings.Class,
                            ["guidance"] = GuidanceReport.Of(settings, parsed.GetValue(options.Guide))?.ToJson(),
                            ["evaluations"] = drawn.Evaluations,
                            ["failures"] = JsonText.Array(drawn.Failures.Select(f => f.Message)),
                            ["cancelled"] = drawn.Cancelled,
                        }
                    );
                return drawn.Cancelled ? ExitCode.Cancelled : ExitCode.Success;
            }
        );
        return command;
    }
}

using System.CommandLine;
using System.Text.Json.Nodes;
using InvFusion.Cli.Rendering;
using InvFusion.Data;
using InvFusion.Imaging;
using InvFusion.Restoration;
using static TorchSharp.torch;

namespace InvFusion.Cli.Commands;

/// <summary><c>sample</c>: images without a measurement.</summary>
internal static class SampleCommand
{
    public static Command Create()
    {
        var options = new SharedOptions();
        var command = new Command("sample", "Draws images without a measurement");
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
                using var network = options.LoadModel(parsed);
                settings = settings.WithSchedule(network);
                using var guide = options.LoadGuide(parsed);
                using var codec = options.LoadCodec(parsed, network.Configuration);
                OutputFolder.Require(folder);
                using var scope = NewDisposeScope();
                var restorer = new Restorer(network, guide) { Codec = codec };
                using var drawn = SamplingWork.Run("sample", restorer, null, null, settings, reporter, cancellation);
                var files = Write(drawn, folder, settings.Seed);
                reporter.Line($"{Path.Combine(folder, "grid.png")}: {files.Length - 1} images");
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

    // The samples that did not diverge, each named by its seed, and all of them in a grid.
    private static string[] Write(RestoredImage drawn, string folder, ulong seed)
    {
        var finite = Enumerable.Range(0, (int)drawn.Samples.shape[0]).Where(i => drawn.Samples[i].isfinite().all().item<bool>());
        var pictures = finite.ToDictionary(i => $"sample-{seed + (ulong)i:000000}.png", i => Pictures.FromTensor(drawn.Samples[i]));
        foreach (var (name, picture) in pictures)
            ImageEncoder.Save(picture, Path.Combine(folder, name));
        ImageEncoder.Save(ImageGrid.Tile([.. pictures.Values]), Path.Combine(folder, "grid.png"));
        return [.. pictures.Keys, "grid.png"];
    }
}

using System.CommandLine;
using InvFusion.Cli.Rendering;
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
        command.SetAction(
            (parsed, cancellation) =>
            {
                var reporter = new Reporter(parsed.GetValue(options.Quiet));
                using var network = options.LoadModel(parsed);
                using var scope = NewDisposeScope();
                var settings = SamplingOptions.Restore(parsed, options);
                using var drawn = reporter.Run(
                    "sample",
                    "evaluations",
                    progress => new Restorer(network).Restore(null, null, settings, new EvaluationProgress(progress), cancellation)
                );
                var folder = parsed.GetValue(options.Out)!;
                var pictures = Enumerable
                    .Range(0, (int)drawn.Samples.shape[0])
                    .Select(i => Pictures.FromTensor(drawn.Samples[i]))
                    .ToArray();
                for (var i = 0; i < pictures.Length; i++)
                    ImageEncoder.Save(pictures[i], Path.Combine(folder, $"sample-{settings.Seed + (ulong)i:000000}.png"));
                ImageEncoder.Save(ImageGrid.Tile(pictures), Path.Combine(folder, "grid.png"));
                foreach (var failure in drawn.Failures)
                    reporter.Line($"warning: {failure.Message}");
                reporter.Line($"{Path.Combine(folder, "grid.png")}: {pictures.Length} images");
                return Task.FromResult(drawn.Cancelled ? ExitCode.Cancelled : ExitCode.Success);
            }
        );
        return command;
    }
}

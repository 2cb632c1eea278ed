using System.CommandLine;
using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Evaluation;
using InvFusion.Metrics.Runs;

namespace InvFusion.Cli.Commands;

/// <summary><c>metrics</c>: gen and gen-uncond; <see cref="ReferenceCommand"/> beside them.</summary>
internal static class MetricsCommand
{
    private const string RestorationMetrics = "psnr,ssim,consistency,consistency_psnr,projected_psnr";
    private const string UnconditionalMetrics = "fid,fd_dinov2";
    private const int UnconditionalCount = 1000;

    public static Command Create() =>
        new("metrics", "Reference statistics; generate and score") { ReferenceCommand.Create(), Restorations(), Unconditional() };

    private static Command Restorations()
    {
        var evaluation = new EvaluationOptions(RestorationMetrics);
        var shared = evaluation.Shared;
        var data = new Option<string>("--data") { Description = $"Clean images: {ImageSets.Usage}", Required = true };
        var count = new Option<int?>("--num") { Description = "How many images, from the first on; all by default" };
        var samples = new Option<int>("--samples")
        {
            Description = "Samples of each image, for crps, spread_error and coverage; other metrics take the first",
            DefaultValueFactory = _ => 1,
        };
        var command = new Command(
            "gen",
            "Restores the images of a set under a degradation and scores them; a killed run goes on where it was"
        )
        {
            data,
            count,
            samples,
        };
        shared.AddDegradation(command);
        evaluation.AddTo(command);
        command.SetWork(
            (parsed, cancellation) =>
            {
                var specification = DegradationSpec.Parse(parsed.GetValue(shared.Degradation)!);
                IImageSet? set = null;
                try
                {
                    return evaluation.Run(
                        parsed,
                        settings =>
                        {
                            settings["degradation"] = specification.Text;
                            settings["sigmaY"] = parsed.GetValue(shared.Noise);
                        },
                        specification.Files,
                        (contestant, ranks) =>
                        {
                            set = ImageSets.OpenPictures(parsed.GetValue(data)!, contestant.Network.Configuration);
                            var options = new ComparisonOptions
                            {
                                Count = parsed.GetValue(count) ?? set.Count,
                                BatchSize = parsed.GetValue(evaluation.Batch),
                                Seed = parsed.GetValue(shared.Seed),
                                SigmaY = parsed.GetValue(shared.Noise),
                                Device = shared.Device(parsed, ranks),
                            };
                            return new RestoredImages(set, specification, contestant, options, parsed.GetValue(samples));
                        },
                        reporter =>
                        {
                            reporter.Lines(specification.Notices());
                            return ImageSets.ManifestOf(set!, parsed.GetValue(count) ?? set!.Count, reporter, cancellation);
                        },
                        cancellation,
                        specification
                    );
                }
                finally
                {
                    set?.Dispose();
                }
            }
        );
        return command;
    }

    private static Command Unconditional()
    {
        var evaluation = new EvaluationOptions(UnconditionalMetrics);
        var shared = evaluation.Shared;
        var count = new Option<int>("--num") { Description = "How many images", DefaultValueFactory = _ => UnconditionalCount };
        var command = new Command(
            "gen-uncond",
            "Draws images without a measurement and scores the set of them; a killed run goes on where it was"
        )
        {
            count,
            shared.Class,
        };
        evaluation.AddTo(command);
        command.SetWork(
            (parsed, cancellation) =>
                evaluation.Run(
                    parsed,
                    settings => settings["class"] = parsed.GetValue(shared.Class),
                    [],
                    (contestant, ranks) =>
                    {
                        var options = new ComparisonOptions
                        {
                            Count = parsed.GetValue(count),
                            BatchSize = parsed.GetValue(evaluation.Batch),
                            Seed = parsed.GetValue(shared.Seed),
                            Device = shared.Device(parsed, ranks),
                        };
                        return new UnconditionalImages(contestant, options, parsed.GetValue(shared.Class));
                    },
                    _ => null,
                    cancellation
                )
        );
        return command;
    }
}

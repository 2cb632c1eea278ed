using System.CommandLine;
using InvFusion.Cli.Rendering;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Evaluation.Posteriors;
using InvFusion.Formats.IO;

namespace InvFusion.Cli.Commands;

/// <summary><c>bench</c>, and its <c>bench posterior</c>: the samplers against posteriors that are known.</summary>
internal static class BenchCommand
{
    private static readonly string[] DefaultOperators =
    [
        "missing-box:2,2,6,6",
        "patches:size=2,keep=0.4",
        "random-matrix:rows=16",
        "compressed:keep=0.3",
        "sr:2",
        "blur:sigma=1",
        "motion:stride=2,seed=5",
    ];

    public static Command Create() =>
        new("bench", "Measures the program's methods and parts")
        {
            Posterior(),
            EvaluationsBenchCommand.Create(),
            DirectionBenchCommand.Create(),
            PrecisionBenchCommand.Create(),
            ValidationBenchCommand.Create(),
            BenchDataCommand.Create(),
            BenchSpeedCommand.Create(),
        };

    private static Command Posterior()
    {
        var options = new SharedOptions();
        var methods = Several("--method", "Samplers; several may follow", [.. Samplers.All.Where(s => s.NeedsNetwork).Select(s => s.Name)]);
        var priors = Several("--prior", "Priors; several may follow", [.. KnownPriors.Names]);
        var degradations = Several("--degradation", "Degradations; several may follow", DefaultOperators);
        degradations.Aliases.Add("-d");
        var noises = new Option<double[]>("--noise")
        {
            Description = "Values of σ_y; several may follow",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [0, 0.1],
        };
        var samples = new Option<int>("--samples") { Description = "Samples for each row", DefaultValueFactory = _ => 1000 };
        var slowSamples = new Option<int?>("--samples-slow")
        {
            Description =
                $"Samples for methods of {Samplers.SlowEvaluations} evaluations and more (dps, daps); as many as --samples by default",
        };
        var size = new Option<int>("--size") { Description = "Side of the images", DefaultValueFactory = _ => 8 };
        var channels = new Option<int>("--channels") { Description = "Channels of the images", DefaultValueFactory = _ => 1 };
        var command = new Command("posterior", "Distance of each method's samples from posteriors in closed form, with exact denoisers")
        {
            methods,
            priors,
            degradations,
            noises,
            samples,
            slowSamples,
            size,
            channels,
            options.Steps,
            options.Churn,
            options.Seed,
            options.Threads,
            options.Out,
        };
        options.Sampler.AddTo(command);
        options.AddOutput(command);
        command.SetWork(
            (parsed, cancellation) =>
            {
                var reporter = new Reporter(parsed.GetValue(options.Quiet));
                options.StartTorch(parsed);
                var given = options.Sampler.Read(parsed, parsed.GetValue(options.Steps), parsed.GetValue(options.Churn));
                var entries = PosteriorBench.Entry.All(parsed.GetValue(methods)!, given).ToArray();
                foreach (var entry in entries)
                    _ = Samplers.Create(entry.Method, entry.Options);
                var specifications = parsed.GetValue(degradations)!.Select(DegradationSpec.Parse).ToArray();
                if (parsed.GetValue(samples) < 2)
                    throw new ConfigurationException($"--samples {parsed.GetValue(samples)}: must be 2 or more, to have a covariance");
                if (parsed.GetValue(slowSamples) is { } few && (few < 2 || few > parsed.GetValue(samples)))
                    throw new ConfigurationException(
                        $"--samples-slow {few}: must be 2 to {parsed.GetValue(samples)}, the samples of the other methods"
                    );
                if (parsed.GetValue(size) is < 2 or > 32 || parsed.GetValue(channels) is < 1 or > 4)
                    throw new ConfigurationException(
                        "--size must be 2 to 32 and --channels 1 to 4: covariances of larger images do not fit"
                    );
                var folder = parsed.GetValue(options.Out)!;
                OutputFolder.Require(folder);
                var bench = new PosteriorBench
                {
                    Image = new ImageShape(parsed.GetValue(channels), parsed.GetValue(size), parsed.GetValue(size)),
                    Samples = parsed.GetValue(samples),
                    SlowSamples = parsed.GetValue(slowSamples),
                    Seed = parsed.GetValue(options.Seed),
                };
                var (rows, cancelled) = (new List<PosteriorRow>(), false);
                var cases =
                    from prior in parsed.GetValue(priors)!
                    from noise in parsed.GetValue(noises)!
                    from specification in specifications
                    select (prior, noise, specification);
                try
                {
                    foreach (var (prior, noise, specification) in cases)
                        rows.AddRange(
                            reporter.Run(
                                FormattableString.Invariant($"{prior}, {specification.Text}, σ_y {noise}"),
                                "methods",
                                progress => bench.Run(prior, specification, noise, entries, progress, cancellation)
                            )
                        );
                }
                catch (OperationCanceledException) when (rows.Count > 0)
                {
                    cancelled = true; // the posteriors that are done are kept
                    reporter.Line($"cancelled after {rows.Count} rows");
                }
                AtomicFile.WriteAllText(Path.Combine(folder, "posterior.csv"), PosteriorRow.Csv(rows));
                AtomicFile.WriteAllText(
                    Path.Combine(folder, "posterior.md"),
                    $"{PosteriorRow.Summary(rows)}\n{PosteriorRow.Markdown(rows)}"
                );
                PosteriorPlot.Save(rows, Path.Combine(folder, "posterior.png"));
                Console.Write(PosteriorRow.Summary(rows));
                return cancelled ? ExitCode.Cancelled : ExitCode.Success;
            },
            keeps: true
        );
        return command;
    }

    private static Option<string[]> Several(string name, string description, string[] values) =>
        new(name)
        {
            Description = description,
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => values,
        };
}

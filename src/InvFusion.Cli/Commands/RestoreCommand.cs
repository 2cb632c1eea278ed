using System.CommandLine;
using System.Diagnostics;
using InvFusion.Cli.Rendering;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Restoration;
using static TorchSharp.torch;

namespace InvFusion.Cli.Commands;

/// <summary><c>restore</c>: posterior samples of what was measured, their mean and spread.</summary>
internal static class RestoreCommand
{
    public static Command Create()
    {
        var options = new SharedOptions();
        var inputs = new Argument<string[]>("input")
        {
            Description = "Measured images (or .npy), or clean images with --simulate",
            Arity = ArgumentArity.OneOrMore,
        };
        var simulate = new Option<bool>("--simulate") { Description = "The inputs are clean: degrade them first and compare afterwards" };
        var tiles = new Option<bool>("--tiles")
        {
            Description =
                "Restore pictures that are larger than the model's in overlapping tiles (masks, gray, none, sr:FACTOR,method=box)",
        };
        var overlap = new Option<int?>("--overlap")
        {
            Description = "Pixels that neighbouring tiles share; a quarter of a tile by default",
        };
        var saveDirections = new Option<bool>("--save-directions")
        {
            Description = "Write the principal directions of nppc as directions.npy, each as long as one standard deviation along it",
        };
        var command = new Command("restore", "Restores images: samples of the posterior, their mean and per-pixel spread")
        {
            inputs,
            simulate,
            tiles,
            overlap,
            saveDirections,
        };
        command.Add(options.Degradation);
        command.Add(options.Noise);
        command.Add(options.NoProjection);
        options.AddNetwork(command);
        options.AddSampling(command);
        options.AddOutput(command);
        command.Add(options.Json);
        command.SetWork(
            (parsed, cancellation) =>
            {
                var reporter = new Reporter(parsed.GetValue(options.Quiet));
                var files = parsed.GetValue(inputs)!;
                RequireInputs(files);
                if (parsed.GetValue(overlap) is not null && !parsed.GetValue(tiles))
                    throw new ConfigurationException("--overlap: is for --tiles; add that or leave it out");
                if (parsed.GetValue(saveDirections))
                    RequireDirections(parsed.GetValue(options.Method)!, parsed.GetValue(tiles));
                options.StartTorch(parsed);
                var settings = SamplingOptions.Restore(parsed, options);
                settings.Validate();
                var degradation = DegradationSpec.Parse(parsed.GetValue(options.Degradation)!);
                using var network = options.LoadModel(parsed);
                settings = settings.WithSchedule(network);
                using var guide = options.LoadGuide(parsed);
                using var codec = options.LoadCodec(parsed, network.Configuration);
                MethodFit.Require($"--model {parsed.GetValue(options.Model)}", network.Configuration, settings.Method);
                if (UnconditionalSide.Serves(network.Configuration, settings.Method))
                    UnconditionalNotice.Tell(parsed.GetValue(options.Model)!, [settings.Method], reporter);
                if (parsed.GetValue(tiles))
                    settings = settings with { TileOverlap = parsed.GetValue(overlap) ?? network.Configuration.Resolution / 4 };
                using var read = new RestoreInputs(degradation, settings, parsed.GetValue(simulate), network, codec, reporter);
                var all = files.Select(read.Read).ToArray(); // a broken one is found before hours are spent on the first
                var restorer = new Restorer(network, guide) { Codec = codec };
                var (reports, exitCode) = RestoreAll(
                    all,
                    input => Restore(input, parsed, options, parsed.GetValue(saveDirections), settings, restorer, reporter, cancellation),
                    reporter
                );
                if (parsed.GetValue(options.Json))
                    Console.WriteLine(files.Length == 1 ? reports[0].ToJson() : RestoreReport.ToJson(reports));
                return exitCode;
            }
        );
        return command;
    }

    // What is restored is kept, and reported, whatever comes after it: an input of which every sample diverges, or Ctrl-C.
    private static (List<RestoreReport> Reports, int ExitCode) RestoreAll(
        RestoreInput[] inputs,
        Func<RestoreInput, RestoreReport> restore,
        Reporter reporter
    )
    {
        var (reports, exitCode) = (new List<RestoreReport>(), ExitCode.Success);
        foreach (var input in inputs)
            try
            {
                reports.Add(restore(input));
                if (reports[^1].Cancelled)
                    return (reports, ExitCode.Cancelled);
            }
            catch (DivergenceException e) when (inputs.Length > 1)
            {
                Console.Error.WriteLine($"error: {input.File}: {e.Message}");
                exitCode = ExitCode.Diverged;
            }
            catch (OperationCanceledException) when (reports.Count > 0)
            {
                reporter.Line($"cancelled after {reports.Count} of {inputs.Length} inputs");
                return (reports, ExitCode.Cancelled);
            }
        return (reports, exitCode);
    }

    private static void RequireInputs(string[] files)
    {
        foreach (var file in files)
            InputImage.RequireFile(file);
        if (files.GroupBy(Path.GetFileNameWithoutExtension).FirstOrDefault(g => g.Count() > 1) is { } same)
            throw new ConfigurationException(
                $"{string.Join(" and ", same)}: would both be written to the folder '{same.Key}'; rename one or restore them one by one"
            );
    }

    private static void RequireDirections(string method, bool tiles)
    {
        if (!Samplers.Find(method).NeedsDirections)
            throw new ConfigurationException($"--save-directions: {method} has no principal directions; use nppc or leave it out");
        if (tiles)
            throw new ConfigurationException("--save-directions: a picture in tiles has none as a whole; leave --tiles or it out");
    }

    private static RestoreReport Restore(
        RestoreInput input,
        ParseResult parsed,
        SharedOptions options,
        bool saveDirections,
        RestoreOptions settings,
        Restorer restorer,
        Reporter reporter,
        CancellationToken cancellation
    )
    {
        using var scope = NewDisposeScope();
        var (file, op, measurement) = input;
        var specification = parsed.GetValue(options.Degradation)!;
        var folder = Path.Combine(parsed.GetValue(options.Out)!, Path.GetFileNameWithoutExtension(file));
        OutputFolder.Require(folder);
        var clock = Stopwatch.StartNew();
        settings = settings with { RoundedMeasurement = measurement.Rounded };
        using var restored = SamplingWork.Run(Path.GetFileName(file), restorer, op, measurement.Values, settings, reporter, cancellation);
        var report = new RestoreReport
        {
            Input = file,
            Model = parsed.GetValue(options.Model)!,
            UnconditionalSide = UnconditionalSide.Serves(restorer.Network, settings.Method) ? true : null,
            Degradation = specification,
            Method = settings.Method,
            Options = settings.Sampler.Given().ToDictionary(o => o.Key, o => FormattableString.Invariant($"{o.Value}").ToLowerInvariant()),
            Steps = Samplers.Find(settings.Method).StepsOf(settings.Sampler),
            TileOverlap = settings.TileOverlap,
            Class = settings.Class,
            Guidance = GuidanceReport.Of(settings, parsed.GetValue(options.Guide)),
            Samples = settings.Samples,
            Seed = settings.Seed,
            SigmaY = settings.NoiseLevel,
            Projected = settings.Projects,
            Seconds = clock.Elapsed.TotalSeconds,
            Evaluations = restored.Evaluations,
            ForwardCalls = restored.ForwardCalls,
            InverseCalls = restored.InverseCalls,
            Cancelled = restored.Cancelled,
            Failures = [.. restored.Failures.Select(f => f.Message)],
            Consistency = [],
            Files = [],
        };
        report = new RestoreOutput(folder, op, measurement, restored) { SaveDirections = saveDirections }.Write(
            report,
            $"{Path.GetFileName(file)}: {specification}"
        );
        reporter.Line(Summary(report, folder));
        return report;
    }

    private static string Summary(RestoreReport r, string folder)
    {
        var quality = r.Mean is null ? "" : $", PSNR H⁺y {r.PseudoInverse!.Psnr:0.0}, mean {r.Mean.Psnr:0.0} dB";
        return $"{Path.Combine(folder, "sheet.png")}: {r.Samples} samples in {r.Seconds:0.0} s, {RestoreScores.Summary(r)}{quality}";
    }
}

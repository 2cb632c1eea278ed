using System.CommandLine;
using System.Diagnostics;
using InvFusion.Cli.Rendering;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Models;
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
        options.AddDegradation(command);
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
                OutputFolder.RequireName(parsed.GetValue(options.Out)!);
                if (parsed.GetValue(overlap) is not null && !parsed.GetValue(tiles))
                    throw new UsageException("--overlap: is for --tiles; add that or leave it out");
                options.StartTorch(parsed);
                var settings = SamplingOptions.Restore(parsed, options);
                settings.Validate();
                var degradation = DegradationSpec.Parse(parsed.GetValue(options.Degradation)!);
                reporter.Lines(degradation.Notices());
                // A method that asks no network restores pictures of any size: a model is loaded only where one is named, for its size.
                var free = !Samplers.Find(settings.Method).NeedsNetwork && !SharedOptions.IsGiven(parsed, options.Model);
                using var network = free ? null : options.LoadModel(parsed);
                using var guide = options.LoadGuide(parsed);
                using var codec = network is null ? null : options.LoadCodec(parsed, network.Configuration);
                var choice = network is null
                    ? new(settings.Method, null)
                    : Choose(network, degradation, parsed, options, parsed.GetValue(tiles));
                if (parsed.GetValue(saveDirections))
                    RequireDirections(choice.Method, parsed.GetValue(tiles));
                if (network is not null)
                    settings = Fitting(settings, choice, network, parsed.GetValue(options.Model)!, reporter);
                if (parsed.GetValue(tiles) && network is not null)
                    settings = settings with { TileOverlap = parsed.GetValue(overlap) ?? network.Configuration.Resolution / 4 };
                var restoring = parsed.GetValue(simulate);
                var device = options.Device(parsed);
                RestoreInputs Inputs(Reporter to) => new(degradation, settings, restoring, network?.Configuration, device, codec, to);
                if (files.Length > 1) // a broken one is found before hours are spent on the first
                    using (var checking = Inputs(new Reporter(quiet: true)))
                        foreach (var file in files)
                            checking.Read(file).Dispose();
                using var read = Inputs(reporter);
                if (degradation.MeasuresNothing)
                    reporter.Line(
                        "warning: -d none measures nothing, so this draws images that have nothing to do with the input; for denoising use -d identity with --noise"
                    );
                var restorer = new Restorer(network, guide) { Codec = codec };
                var (reports, exitCode) = RestoreAll(
                    files,
                    file =>
                    {
                        using var input = read.Read(file);
                        read.WarnOfMisfit(input);
                        return Restore(input, parsed, options, parsed.GetValue(saveDirections), settings, restorer, reporter, cancellation);
                    },
                    reporter
                );
                if (parsed.GetValue(options.Json))
                    Console.WriteLine(files.Length == 1 ? reports[0].ToJson() : RestoreReport.ToJson(reports));
                return exitCode;
            },
            keeps: true
        );
        return command;
    }

    private static MethodChoice Choose(
        PreconditionedNetwork network,
        DegradationSpec degradation,
        ParseResult parsed,
        SharedOptions options,
        bool tiled
    ) =>
        MethodChoice.Of(
            Path.GetFileNameWithoutExtension(parsed.GetValue(options.Model)!),
            network.Configuration,
            network.Trained,
            degradation,
            parsed.GetValue(options.Noise),
            options.AskedMethod(parsed),
            tiled
        );

    // With the method that is chosen, and its noise levels.
    private static RestoreOptions Fitting(
        RestoreOptions settings,
        MethodChoice choice,
        PreconditionedNetwork network,
        string model,
        Reporter reporter
    )
    {
        MethodFit.Require($"--model {model}", network.Configuration, choice.Method);
        if (choice.Warning is { } warning)
            reporter.Line($"warning: {warning}");
        if (choice.Method != settings.Method) // the sampler's options were checked for the other one
            settings = settings with { Method = choice.Method, Sampler = settings.Sampler.For(Samplers.Find(choice.Method)) };
        settings.Validate();
        if (UnconditionalSide.Serves(network.Configuration, settings.Method))
            UnconditionalNotice.Tell(model, network.Trained, [settings.Method], reporter);
        return settings.WithSchedule(network);
    }

    // What is restored is kept, and reported, whatever comes after it: an input of which every sample diverges, or Ctrl-C.
    private static (List<RestoreReport> Reports, int ExitCode) RestoreAll(
        string[] inputs,
        Func<string, RestoreReport> restore,
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
                Console.Error.WriteLine($"error: {input}: {e.Message}");
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
            throw new UsageException(
                $"{string.Join(" and ", same)}: would both be written to the folder '{same.Key}'; rename one or restore them one by one"
            );
    }

    private static void RequireDirections(string method, bool tiles)
    {
        if (!Samplers.Find(method).NeedsDirections)
            throw new UsageException($"--save-directions: {method} has no principal directions; use nppc or leave it out");
        if (tiles)
            throw new UsageException("--save-directions: a picture in tiles has none as a whole; leave --tiles or it out");
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
        var model = parsed.GetValue(options.Model)!;
        // The same restoration takes the place of its earlier one; another of the same picture gets a folder of its own.
        var folder = ResultFolder.Choose(
            Path.Combine(parsed.GetValue(options.Out)!, Path.GetFileNameWithoutExtension(file)),
            RestoreOutput.Record,
            found => RestoreReport.IsOf(found, file, model, specification, settings)
        );
        OutputFolder.Require(folder);
        var clock = Stopwatch.StartNew();
        settings = settings with { RoundedMeasurement = measurement.Rounded };
        using var restored = SamplingWork.Run(Path.GetFileName(file), restorer, op, measurement.Values, settings, reporter, cancellation);
        var report = new RestoreReport
        {
            Input = file,
            Folder = folder,
            Model = restorer.Network is null ? null : model,
            UnconditionalSide = restorer.Network is { } n && UnconditionalSide.Serves(n, settings.Method) ? true : null,
            Degradation = specification,
            Method = settings.Method,
            Options = settings.Sampler.Given().ToDictionary(o => o.Key, o => FormattableString.Invariant($"{o.Value}").ToLowerInvariant()),
            Steps = Samplers.Find(settings.Method).StepsOf(settings.Sampler),
            TileOverlap = settings.TileOverlap,
            Class = settings.Class,
            Guidance = GuidanceReport.Of(settings, parsed.GetValue(options.Guide)),
            Samples = settings.Drawn,
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
            $"{Path.GetFileName(file)}: {DegradationSpec.Parse(specification).Title}"
        );
        reporter.Line(Summary(report, folder));
        return report;
    }

    private static string Summary(RestoreReport r, string folder)
    {
        var quality = r.Mean is null ? "" : $", PSNR H⁺y {r.PseudoInverse!.Psnr:0.0}, mean {r.Mean.Psnr:0.0} dB";
        return $"{Path.Combine(folder, RestoreOutput.Restored)}: {(r.Samples == 1 ? "1 image" : $"mean of {r.Samples} samples")} in {r.Seconds:0.0} s, {RestoreScores.Summary(r)}{quality}";
    }
}

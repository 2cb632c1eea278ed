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
        var command = new Command("restore", "Restores images: samples of the posterior, their mean and per-pixel spread")
        {
            inputs,
            simulate,
        };
        command.Add(options.Degradation);
        command.Add(options.Noise);
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
                options.StartTorch(parsed);
                SamplingOptions.Restore(parsed, options).Validate();
                _ = DegradationSpec.Parse(parsed.GetValue(options.Degradation)!);
                using var network = options.LoadModel(parsed);
                MethodFit.Require($"--model {parsed.GetValue(options.Model)}", network.Configuration, parsed.GetValue(options.Method)!);
                var reports = new List<RestoreReport>();
                foreach (var file in files)
                {
                    reports.Add(Restore(file, parsed, options, parsed.GetValue(simulate), network, reporter, cancellation));
                    if (reports[^1].Cancelled)
                        break;
                }
                if (parsed.GetValue(options.Json))
                    Console.WriteLine(files.Length == 1 ? reports[0].ToJson() : RestoreReport.ToJson(reports));
                return reports[^1].Cancelled ? ExitCode.Cancelled : ExitCode.Success;
            }
        );
        return command;
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

    private static RestoreReport Restore(
        string file,
        ParseResult parsed,
        SharedOptions options,
        bool simulate,
        PreconditionedNetwork network,
        Reporter reporter,
        CancellationToken cancellation
    )
    {
        using var scope = NewDisposeScope();
        var settings = SamplingOptions.Restore(parsed, options);
        var n = network.Configuration;
        var shape = new ImageShape(n.Channels, n.Resolution, n.Resolution);
        var specification = parsed.GetValue(options.Degradation)!;
        using var op = DegradationSpec.Parse(specification).Build(shape, 1, settings.Seed);
        var folder = Path.Combine(parsed.GetValue(options.Out)!, Path.GetFileNameWithoutExtension(file));
        using var measurement = simulate
            ? Measurement.Simulate(op, InputImage.Load(file, shape, reporter), settings.SigmaY, settings.Seed)
            : Measurement.Read(file, op, reporter);
        OutputFolder.Require(folder);
        var clock = Stopwatch.StartNew();
        using var restored = reporter.Run(
            Path.GetFileName(file),
            "evaluations",
            progress => new Restorer(network).Restore(op, measurement.Values, settings, new EvaluationProgress(progress), cancellation)
        );
        var report = new RestoreReport
        {
            Input = file,
            Model = parsed.GetValue(options.Model)!,
            Degradation = specification,
            Method = settings.Method,
            Options = settings.Sampler.Given().ToDictionary(o => o.Key, o => FormattableString.Invariant($"{o.Value}").ToLowerInvariant()),
            Steps = settings.Sampler.Steps ?? Samplers.Find(settings.Method).DefaultSteps,
            Samples = settings.Samples,
            Seed = settings.Seed,
            SigmaY = settings.SigmaY,
            Seconds = clock.Elapsed.TotalSeconds,
            Evaluations = restored.Evaluations,
            ForwardCalls = restored.ForwardCalls,
            InverseCalls = restored.InverseCalls,
            Cancelled = restored.Cancelled,
            Failures = [.. restored.Failures.Select(f => f.Message)],
            Consistency = [],
            Files = [],
        };
        report = new RestoreOutput(folder, op, measurement, restored).Write(report, $"{Path.GetFileName(file)}: {specification}");
        foreach (var failure in report.Failures)
            reporter.Line($"warning: {failure}");
        reporter.Line(Summary(report, folder));
        return report;
    }

    private static string Summary(RestoreReport r, string folder)
    {
        var quality = r.Mean is null ? "" : $", PSNR H⁺y {r.PseudoInverse!.Psnr:0.0}, mean {r.Mean.Psnr:0.0} dB";
        return $"{Path.Combine(folder, "sheet.png")}: {r.Samples} samples in {r.Seconds:0.0} s, consistency {r.Consistency.Average():0.0000}{quality}";
    }
}

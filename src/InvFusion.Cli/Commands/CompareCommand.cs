using System.CommandLine;
using InvFusion.Cli.Rendering;
using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Distributed;
using InvFusion.Evaluation;
using InvFusion.Models;
using InvFusion.Restoration;

namespace InvFusion.Cli.Commands;

/// <summary><c>compare</c>: models × methods × degradations on one set, as a table and a plot.</summary>
internal sealed class CompareCommand
{
    private readonly SharedOptions _shared = new();
    private readonly Argument<string> _data = new("data") { Description = $"Clean images: {ImageSets.Usage}" };
    private readonly Option<string[]> _models = Several("--model", "Names or files; several may follow", ModelCatalog.Default);
    private readonly Option<string[]> _methods = Several(
        "--method",
        $"Samplers; several may follow. By default mmse and {MethodChoice.Sampling}, and where a model was not trained with what is asked, the method that fits",
        "mmse",
        MethodChoice.Sampling
    );
    private readonly Option<string[]> _degradations = new("--degradation", "-d")
    {
        Description = "Degradations; several may follow",
        AllowMultipleArgumentsPerToken = true,
        Required = true,
    };
    private readonly Option<int?> _count = ImageSets.CountOption(100);
    private readonly Option<int?> _slowCount = new("--num-slow")
    {
        Description =
            $"How many images for methods of {Samplers.SlowEvaluations} evaluations and more (dps, daps); as many as --num by default",
    };
    private readonly Option<int> _batch = new("--batch")
    {
        Description = "Images that go through a network together",
        DefaultValueFactory = _ => 20,
    };

    private readonly Option<bool> _sides = new(ComparisonPairs.SidesOption)
    {
        Description =
            "Run zero-shot methods (ddrm, ddnm, pigdm, dps, daps) on the unconditional side of conditional models too, where an unconditional model is named; without one they always run there",
    };

    private readonly MetricFlags _metrics = new("beside PSNR, SSIM and consistency");

    public static Command Create() => new CompareCommand().Build();

    private Command Build()
    {
        var command = new Command(
            "compare",
            "One table: models × methods × degradations, with the same operators, measurements and noise; a pair that does not fit is left out"
        )
        {
            _data,
            _models,
            _methods,
            _degradations,
            _shared.Noise,
            _count,
            _slowCount,
            _sides,
            _batch,
            _shared.Steps,
            _shared.Schedule,
            _shared.Churn,
            _shared.Seed,
            _shared.NoProjection,
            _shared.DeviceName,
            _shared.Precision,
            _shared.Threads,
            _shared.Out,
        };
        _metrics.AddTo(command);
        _shared.Sampler.AddTo(command);
        _shared.AddOutput(command);
        command.Add(_shared.Json);
        command.SetWork(
            (parsed, cancellation) =>
                RankedWork.Run(
                    parsed,
                    _shared,
                    "the rows that were done are in the folder of --out",
                    (ranks, reporter) => Run(parsed, ranks, reporter, cancellation)
                )
        );
        return command;
    }

    private int Run(ParseResult parsed, ICollective ranks, Reporter reporter, CancellationToken cancellation)
    {
        var specifications = parsed.GetValue(_degradations)!.Select(DegradationSpec.Parse).ToArray();
        reporter.Lines(specifications.SelectMany(s => s.Notices()));
        var given = _shared.Sampler.Read(parsed, parsed.GetValue(_shared.Steps), parsed.GetValue(_shared.Churn));
        RequireKnown(given, parsed.GetValue(_methods)!);
        var networks = new List<(string Name, PreconditionedNetwork Network)>();
        try
        {
            foreach (var model in parsed.GetValue(_models)!)
                networks.Add((Path.GetFileNameWithoutExtension(model), _shared.LoadModel(parsed, model, ranks: ranks)));
            networks.ForEach(n => ImageSets.RequirePictures(n.Name, n.Network.Configuration));
            using var images = ImageSets.OpenPictures(parsed.GetValue(_data)!, networks[0].Network.Configuration);
            foreach (var (name, network) in networks)
                if (ImageSets.Problem(images, network.Configuration) is { } problem)
                    throw new ConfigurationException($"--model {name}: {parsed.GetValue(_data)} {problem}");
            var options = Options(parsed, images, ranks);
            using var metrics = _metrics.Open(parsed, options.Device);
            if (metrics.Names.Count > 0)
                options = options with { Metrics = metrics.Plan(options.Given, ranks) };
            var pairs = Pairs(parsed, specifications, networks, given, reporter);
            foreach (var side in pairs.SelectMany(p => p.Contestants).Where(c => c.OnUnconditionalSide).GroupBy(c => c.Network))
                UnconditionalNotice.Tell(side.First().Model, side.Key.Trained, side.Select(c => c.Method).Distinct(), reporter);
            var folder = parsed.GetValue(_shared.Out)!;
            if (ranks.IsFirst())
                OutputFolder.Require(folder);
            var used = Used();
            RankedWork.RequireAgreement(ranks, RankedWork.Settings(parsed, used));
            var output = new ComparisonOutput(folder, ranks.IsFirst() ? used : null);
            var cancelled = Compare(images, pairs, options, parsed.GetValue(_slowCount), output, ranks, reporter, cancellation);
            if (!ranks.IsFirst())
                return ExitCode.Success;
            if (parsed.GetValue(_shared.Json))
                JsonText.Print(output.Json(cancelled));
            else
                ComparisonTable.Print(output.Rows);
            return cancelled ? ExitCode.Cancelled : ExitCode.Success;

            ResultManifest Used() =>
                new()
                {
                    Files =
                    [
                        .. parsed.GetValue(_models)!.Select(m => UsedFile.Of("model", ModelCatalog.Resolve(m))),
                        .. UsedFile.OfDegradations(specifications.SelectMany(s => s.Files)),
                        .. metrics.FilesOf(options.Metrics),
                    ],
                    Images = ImageSets.ManifestOf(images, options.Count, reporter, cancellation),
                };
        }
        finally
        {
            foreach (var (_, network) in networks)
                network.Dispose();
        }
    }

    // The contestants of each degradation: what a model was not trained with, it restores by the method that fits, unless others are asked for.
    private (DegradationSpec Specification, Contestant[] Contestants)[] Pairs(
        ParseResult parsed,
        DegradationSpec[] specifications,
        List<(string Name, PreconditionedNetwork Network)> networks,
        SamplerOptions given,
        Reporter reporter
    )
    {
        var asked = SharedOptions.IsGiven(parsed, _methods);
        var methods = parsed.GetValue(_methods)!;
        var told = new HashSet<string>();
        return
        [
            .. specifications.Select(specification =>
                (
                    specification,
                    ComparisonPairs.Fitting(
                        [.. networks.Select(n => (n.Name, n.Network, Methods(n.Name, n.Network, specification)))],
                        given,
                        !parsed.GetValue(_shared.NoProjection),
                        parsed.GetValue(_sides) || !asked,
                        Tell
                    )
                )
            ),
        ];

        IReadOnlyList<string> Methods(string name, PreconditionedNetwork network, DegradationSpec specification)
        {
            var choices = (asked ? methods : new string?[] { null })
                .Select(m =>
                    MethodChoice.Of(name, network.Configuration, network.Trained, specification, parsed.GetValue(_shared.Noise), m)
                )
                .ToArray();
            foreach (var choice in choices)
                if (choice.Warning is { } warning)
                    Tell($"warning: {warning}");
            return !asked && choices[0].Method == MethodChoice.Sampling ? methods : [.. choices.Select(c => c.Method)];
        }

        void Tell(string line)
        {
            if (told.Add(line))
                reporter.Line(line);
        }
    }

    private ComparisonOptions Options(ParseResult parsed, IImageSet images, ICollective ranks)
    {
        var options = new ComparisonOptions
        {
            Count = ImageSets.Count(parsed.GetValue(_count), 100, images, parsed.GetValue(_data)!),
            BatchSize = parsed.GetValue(_batch),
            Seed = parsed.GetValue(_shared.Seed),
            SigmaY = parsed.GetValue(_shared.Noise),
            Device = _shared.Device(parsed, ranks),
        };
        options.Validate();
        if (parsed.GetValue(_slowCount) is { } slow && (slow < 1 || slow > options.Count))
            throw new ConfigurationException($"--num-slow {slow}: must be 1 to {options.Count}, the images of the other methods (--num)");
        return options;
    }

    // Every row is on the disk as soon as it is done: hours may be behind it.
    private static bool Compare(
        IImageSet images,
        (DegradationSpec Specification, Contestant[] Contestants)[] pairs,
        ComparisonOptions options,
        int? slowCount,
        ComparisonOutput output,
        ICollective ranks,
        Reporter reporter,
        CancellationToken cancellation
    )
    {
        try
        {
            foreach (var (specification, contestants) in pairs)
            {
                var pictures = ComparisonOutput.NewPictures();
                var comparison = new MethodComparison(images, specification, options, ranks) { Pictures = pictures };
                output.Add(reporter.Run($"{specification.Text}, H⁺y", "images", p => comparison.PseudoInverse(p, cancellation)), pictures);
                output.Add(
                    reporter.Run($"{specification.Text}, linear", "images", p => comparison.LinearEstimate(p, cancellation)),
                    pictures
                );
                foreach (var c in contestants)
                {
                    var count = c.Evaluations >= Samplers.SlowEvaluations ? slowCount : null;
                    var title = $"{specification.Text}, {c.Label}, {c.Method}";
                    output.Add(reporter.Run(title, "evaluations", p => comparison.Run(c, count, p, cancellation)), pictures);
                    foreach (var failure in output.Rows[^1].Failures)
                        reporter.Line($"warning: {title}: {failure}");
                }
            }
            return false;
        }
        catch (OperationCanceledException) when (output.Rows.Count > 0 && ranks.Size == 1) // of several, this one ends the others, which wait for it
        {
            reporter.Line($"cancelled after {output.Rows.Count} rows");
            return true;
        }
    }

    private static void RequireKnown(SamplerOptions given, string[] methods)
    {
        var known = methods.SelectMany(m => Samplers.Find(m).OptionNames).ToHashSet();
        if (given.Given().Keys.FirstOrDefault(o => o != "steps" && !known.Contains(o)) is { } unknown)
            throw new ConfigurationException(
                $"--{unknown}: none of the methods {string.Join(", ", methods)} has this option; leave it out"
            );
    }

    private static Option<string[]> Several(string name, string description, params string[] values) =>
        new(name)
        {
            Description = description,
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => values,
        };
}

using System.CommandLine;
using System.Text.Json.Nodes;
using InvFusion.Cli.Rendering;
using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Distributed;
using InvFusion.Evaluation;
using InvFusion.Metrics.Runs;
using InvFusion.Metrics.Scores;
using InvFusion.Models;
using InvFusion.Restoration;

namespace InvFusion.Cli.Commands;

/// <summary>What <c>metrics gen</c> and <c>metrics gen-uncond</c> share: the public implementation's flags and this program's own, and the work behind them.</summary>
internal sealed class EvaluationOptions
{
    private const string ModelRole = "model";
    private const string GuideRole = "guide";

    private readonly MetricFlags _metrics;
    private readonly Option<bool> _blind = new("--blind") { Description = "The model must be a blind one" };
    private readonly Option<bool> _unconditional = new("--uncond") { Description = "The model must be an unconditional one" };

    public EvaluationOptions(string metrics)
    {
        Shared.Model.Aliases.Add("--net");
        Shared.Out.Aliases.Add("--outdir");
        _metrics = new("to compute", metrics);
    }

    public SharedOptions Shared { get; } = new();
    public Option<int> Batch { get; } =
        new("--batch") { Description = "Images that go through a network together", DefaultValueFactory = _ => 20 };

    public void AddTo(Command command)
    {
        foreach (
            var option in new Option[]
            {
                Shared.Model,
                Batch,
                Shared.Seed,
                Shared.Method,
                Shared.Steps,
                Shared.Schedule,
                Shared.Churn,
                Shared.Guidance,
                Shared.Guide,
                Shared.GuidanceInterval,
                _blind,
                _unconditional,
                Shared.DeviceName,
                Shared.Precision,
                Shared.Threads,
                Shared.Out,
            }
        )
            command.Add(option);
        _metrics.AddTo(command);
        Shared.Sampler.AddTo(command);
        Shared.AddOutput(command);
        command.Add(Shared.Json);
    }

    /// <summary>Runs an evaluation on every rank.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="extra">The command's own settings, which decide the result too.</param>
    /// <param name="degradationFiles">The files that its degradation names.</param>
    /// <param name="images">Makes the images from model and method.</param>
    /// <param name="used">Tells, behind that and on rank 0, which images of a set they are of; null for images of no set.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <param name="degradation">What is restored; null where images are drawn without a measurement.</param>
    public int Run(
        ParseResult parsed,
        Action<JsonObject> extra,
        IReadOnlyList<string> degradationFiles,
        Func<Contestant, ICollective, EvaluatedImages> images,
        Func<Reporter, Manifest?> used,
        CancellationToken cancellation,
        DegradationSpec? degradation = null
    ) =>
        RankedWork.Run(
            parsed,
            Shared,
            "the batches that were done are in the folder of --outdir; the same command goes on with the others",
            (ranks, reporter) => Evaluate(parsed, extra, degradationFiles, images, used, degradation, ranks, reporter, cancellation)
        );

    private int Evaluate(
        ParseResult parsed,
        Action<JsonObject> extra,
        IReadOnlyList<string> degradationFiles,
        Func<Contestant, ICollective, EvaluatedImages> make,
        Func<Reporter, Manifest?> used,
        DegradationSpec? degradation,
        ICollective ranks,
        Reporter reporter,
        CancellationToken cancellation
    )
    {
        using var metrics = _metrics.Open(parsed, Shared.Device(parsed, ranks));
        using var network = Shared.LoadModel(parsed, parsed.GetValue(Shared.Model)!, "--net", ranks);
        using var guide = parsed.GetValue(Shared.Guide) is { } name ? Shared.LoadModel(parsed, name, "--guide", ranks) : null;
        ImageSets.RequirePictures(parsed.GetValue(Shared.Model)!, network.Configuration);
        RequireKind(parsed, network);
        var method = degradation is null ? Shared.MethodOf(parsed) : Method(parsed, network, degradation, reporter);
        var evaluated = make(Contestant(parsed, network, guide, method), ranks);
        var onSide = degradation is not null && evaluated.Contestant.OnUnconditionalSide;
        if (onSide)
            UnconditionalNotice.Tell(parsed.GetValue(Shared.Model)!, network.Trained, [method], reporter);
        var plan = metrics.Plan(evaluated.Given, ranks);
        var folder = parsed.GetValue(Shared.Out)!;
        if (ranks.IsFirst())
            OutputFolder.Require(folder);
        var manifest = new ResultManifest
        {
            Files = [.. ModelFiles(parsed), .. UsedFile.OfDegradations(degradationFiles), .. metrics.FilesOf(plan)],
            Images = used(reporter),
        };
        var settings = Settings(parsed, evaluated, plan, network, manifest);
        if (onSide)
            settings["unconditionalSide"] = true; // only then: folders of earlier runs have no such entry
        extra(settings);
        var agreed = settings.DeepClone().AsObject();
        agreed["outdir"] = Path.GetFullPath(folder);
        agreed["files"] = JsonText.Array(manifest.Files.Select(f => f.Sha256)); // the reference too, which settings leave out
        RankedWork.RequireAgreement(ranks, agreed);
        var outcome = reporter.Run(
            evaluated.Contestant.Method,
            "evaluations",
            progress => Cancellable(evaluated, plan, folder, settings, ranks, reporter, progress, cancellation)
        );
        if (outcome is null)
            return ExitCode.Cancelled;
        if (!ranks.IsFirst())
            return ExitCode.Success;
        foreach (var failure in outcome.Failures)
            reporter.Line($"warning: {failure}");
        var output = new MetricOutput(folder, settings, outcome, manifest);
        output.Write();
        if (parsed.GetValue(Shared.Json))
            JsonText.Print(output.Json());
        else
            Console.Write(output.Markdown());
        return plan.Refused.Count > 0 ? ExitCode.Data : ExitCode.Success;
    }

    // Null where it was cancelled; of several ranks, an error ends all.
    private static EvaluationOutcome? Cancellable(
        EvaluatedImages images,
        MetricPlan plan,
        string folder,
        JsonObject settings,
        ICollective ranks,
        Reporter reporter,
        IProgress<(double Done, double Total)> progress,
        CancellationToken cancellation
    )
    {
        try
        {
            return EvaluationRun.Run(images, plan, folder, settings, ranks, reporter.Line, progress, cancellation);
        }
        catch (OperationCanceledException) when (ranks.Size == 1)
        {
            reporter.Line($"cancelled; finished batches are kept in {folder}, the same command goes on with the others");
            return null;
        }
    }

    private string Method(ParseResult parsed, PreconditionedNetwork network, DegradationSpec degradation, Reporter reporter)
    {
        var name = Path.GetFileNameWithoutExtension(parsed.GetValue(Shared.Model)!);
        var sigmaY = parsed.GetValue(Shared.Noise);
        var choice = MethodChoice.Of(name, network.Configuration, network.Trained, degradation, sigmaY, Shared.AskedMethod(parsed));
        if (choice.Warning is { } warning)
            reporter.Line($"warning: {warning}");
        return choice.Method;
    }

    private Contestant Contestant(ParseResult parsed, PreconditionedNetwork network, PreconditionedNetwork? guide, string method)
    {
        var options = Shared.Sampler.Read(parsed, parsed.GetValue(Shared.Steps), parsed.GetValue(Shared.Churn));
        if (Shared.AskedMethod(parsed) is null && method != MethodChoice.Sampling)
            options = options.For(Samplers.Find(method)); // the command line spoke of another one
        options = network.Schedules.Apply(Samplers.Find(method), options);
        _ = Samplers.Create(method, options); // refuses values out of range before the first image
        if (guide is not null && parsed.GetValue(Shared.Guidance) is null)
            throw new UsageException("--guide: needs --cfg, the weight of the guidance");
        return new(Path.GetFileNameWithoutExtension(parsed.GetValue(Shared.Model)!), network, method, options, Project: false)
        {
            Guidance = parsed.GetValue(Shared.Guidance),
            Guide = guide,
            GuidanceInterval = parsed.GetValue(Shared.GuidanceInterval) is { } text ? SigmaInterval.Parse(text, "--cfg-interval") : null,
        };
    }

    private void RequireKind(ParseResult parsed, PreconditionedNetwork network)
    {
        var kind = network.Configuration.Kind;
        if (parsed.GetValue(_blind) && kind != NetworkKind.Blind)
            throw new ConfigurationException(
                $"--blind: the model is {kind}; name a blind one with --net, such as the shipped faces64-blind"
            );
        if (parsed.GetValue(_unconditional) && kind != NetworkKind.Unconditional)
            throw new ConfigurationException(
                $"--uncond: the model is {kind}; name an unconditional one with --net, such as the shipped faces64-unconditional"
            );
    }

    private IEnumerable<UsedFile> ModelFiles(ParseResult parsed)
    {
        yield return UsedFile.Of(ModelRole, ModelCatalog.Resolve(parsed.GetValue(Shared.Model)!));
        if (parsed.GetValue(Shared.Guide) is { } guide)
            yield return UsedFile.Of(GuideRole, ModelCatalog.Resolve(guide));
    }

    private JsonObject Settings(
        ParseResult parsed,
        EvaluatedImages images,
        MetricPlan plan,
        PreconditionedNetwork network,
        ResultManifest used
    )
    {
        var c = images.Contestant;
        var options = new JsonObject();
        foreach (var (name, value) in c.Options.Given())
            options[name] = FormattableString.Invariant($"{value}");
        var settings = new JsonObject
        {
            ["model"] = c.Model,
            ["modelHash"] = used.Files.First(f => f.Role == ModelRole).Sha256,
            ["kind"] = $"{network.Configuration.Kind}",
            ["method"] = c.Method,
            ["options"] = options,
            ["cfg"] = c.Guidance,
            ["cfgInterval"] = parsed.GetValue(Shared.GuidanceInterval),
            ["guide"] = used.Files.FirstOrDefault(f => f.Role == GuideRole)?.Sha256,
            // Scores and vectors that are kept were made with them; the reference comes in at the very end.
            ["weights"] = JsonText.Array(
                used.Files.Where(f => f.Role.StartsWith(MetricFlags.WeightsRole, StringComparison.Ordinal)).Select(f => f.Sha256)
            ),
            ["data"] = used.Images?.Summary,
            ["images"] = images.Count,
            ["batch"] = images.BatchSize,
            ["samples"] = images.Samples,
            ["seed"] = parsed.GetValue(Shared.Seed),
            ["precision"] = $"{network.ComputeType}",
            ["metrics"] = JsonText.Array(plan.ImageMetrics.Select(m => m.Name).Concat(plan.SetMetrics.Select(m => m.Name))),
        };
        if (used.Files.Where(f => f.Role == UsedFile.DegradationRole).Select(f => f.Sha256).ToArray() is { Length: > 0 } files)
            settings["degradationFiles"] = JsonText.Array(files);
        return settings;
    }
}

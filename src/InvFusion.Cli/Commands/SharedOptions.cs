using System.CommandLine;
using InvFusion.Autoencoding;
using InvFusion.Diffusion;
using InvFusion.Distributed;
using InvFusion.Models;
using InvFusion.Restoration;
using InvFusion.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace InvFusion.Cli.Commands;

/// <summary>The options that several commands share, and what they mean. Each command makes its own set.</summary>
internal sealed class SharedOptions
{
    private const string FittedSchedule = "model";

    public Option<string> Model { get; } =
        new("--model") { Description = "Trained model: a name under models/ or a file", DefaultValueFactory = _ => ModelCatalog.Default };

    public Option<string> Degradation { get; } =
        new("--degradation", "-d")
        {
            Description =
                "What was measured, for example box:16,16,48,48, missing-box:…, mask:FILE, patches:size=8,keep=0.05, motion:stride=2, sr:4, random-matrix:rows=64, identity (noise alone)",
        };

    public Option<string> Method { get; } =
        new("--method")
        {
            Description =
                $"Sampler: {string.Join(", ", Samplers.All.Select(s => s.Name))}; by default the one that fits what the model was trained with, {MethodChoice.Sampling} as a rule",
            DefaultValueFactory = _ => MethodChoice.Sampling,
        };

    public Option<int?> Steps { get; } =
        new("--steps") { Description = "Steps of the sampler", HelpName = $"1 to {StepOptions.MostSteps}" };
    public Option<string> Schedule { get; } =
        new("--schedule")
        {
            Description =
                "Noise levels of ipndm, dpmpp-2m, dpmpp-2m-sde and unipc: model for those that 'model schedule' has fitted, where the model has them, or rho for the formula",
            DefaultValueFactory = _ => FittedSchedule,
        };
    public Option<double?> Churn { get; } =
        new("--churn") { Description = "S_churn of edm: how much fresh noise a step adds", HelpName = "0 or more" };
    public SamplerFlags Sampler { get; } = new();
    public Option<int> Samples { get; } =
        new("--samples")
        {
            Description = "Number of samples",
            HelpName = "1 to 4096",
            DefaultValueFactory = _ => 4,
        };
    public Option<ulong> Seed { get; } = new("--seed") { Description = "Seed of the first sample and of random degradations" };
    public Option<double> Noise { get; } =
        new("--noise") { Description = "σ_y, noise of the measurement in units of images in [-1, 1]", HelpName = "0 to below 100" };
    public Option<bool> NoProjection { get; } =
        new("--no-projection")
        {
            Description = "Leave samples as drawn; by default, and without --noise, they are moved onto the measurement in the end",
        };
    public Option<double?> Guidance { get; } =
        new("--cfg") { Description = "Guidance weight w: away from the model without --class, or away from --guide; 1 is none" };
    public Option<string?> Guide { get; } = new("--guide") { Description = "A weaker model to guide away from, a name or a file" };
    public Option<string?> GuidanceInterval { get; } =
        new("--cfg-interval") { Description = "LOW,HIGH: guides only at these noise levels" };
    public Option<int?> Class { get; } = new("--class") { Description = "Class to restore, for class-conditional models" };
    public Option<int?> Batch { get; } =
        new("--batch")
        {
            Description =
                "Samples that go through the network together; by default as many as keep the machine busy. With --precision fp32 the pictures do not depend on it",
            HelpName = "1 or more",
        };
    public Option<string?> Autoencoder { get; } =
        new("--autoencoder") { Description = "The VAE of a model of latents (.safetensors), to encode and decode pictures" };
    public Option<string> DeviceName { get; } = new("--device") { Description = "auto, cpu or cuda:i", DefaultValueFactory = _ => "auto" };
    public Option<string> Precision { get; } = new("--precision") { Description = "auto, fp32 or bf16", DefaultValueFactory = _ => "auto" };
    public Option<int> Threads { get; } =
        new("--threads")
        {
            Description = "Threads of the CPU, at most one for each processor; 0 is the machine's own number",
            HelpName = "0 or more",
        };
    public Option<string> Out { get; } = new("--out", "-o") { Description = "Folder for the results", DefaultValueFactory = _ => "out" };
    public Option<bool> Json { get; } = new("--json") { Description = "Print what was done as one JSON document on the standard output" };
    public Option<bool> Quiet { get; } = new("--quiet", "-q") { Description = "No progress, no summary" };
    public Option<bool> Verbose { get; } = new("--verbose") { Description = "Show where an error came from" };

    /// <summary>Adds the options that every command has.</summary>
    public void AddOutput(Command command)
    {
        foreach (var option in new Option[] { Quiet, Verbose })
            command.Add(option);
    }

    /// <summary>Adds the degradation and its noise to a command that cannot do without.</summary>
    public void AddDegradation(Command command)
    {
        command.Add(Degradation);
        command.Add(Noise);
        command.Validators.Add(result =>
        {
            if (result.GetResult(Degradation) is null)
                result.AddError(
                    $"{command.Name}: how was the image measured? Give -d, for example -d sr:4 or -d mask:FILE, and -d identity where there is noise alone"
                );
        });
    }

    /// <summary>The method that the command line asks for, by its name or by churn, which of those that see the measurement edm alone has; null where it leaves the choice.</summary>
    public string? AskedMethod(ParseResult parsed) =>
        IsGiven(parsed, Method) ? parsed.GetValue(Method)
        : IsGiven(parsed, Churn) || Sampler.Churns(parsed) ? "edm"
        : null;

    /// <summary>That, or the method that is taken as a rule.</summary>
    public string MethodOf(ParseResult parsed) => AskedMethod(parsed) ?? MethodChoice.Sampling;

    /// <summary>Whether an option is on the command line.</summary>
    public static bool IsGiven(ParseResult parsed, Option option) => parsed.GetResult(option) is { Implicit: false };

    /// <summary>Adds model, device, precision and threads.</summary>
    public void AddNetwork(Command command)
    {
        foreach (var option in new Option[] { Model, Autoencoder, DeviceName, Precision, Threads })
            command.Add(option);
    }

    /// <summary>Adds the options of sampling.</summary>
    public void AddSampling(Command command)
    {
        foreach (
            var option in new Option[]
            {
                Method,
                Steps,
                Schedule,
                Churn,
                Samples,
                Seed,
                Guidance,
                Guide,
                GuidanceInterval,
                Class,
                Batch,
                Out,
            }
        )
            command.Add(option);
        Sampler.AddTo(command);
    }

    /// <summary>Starts libtorch with the wanted threads; by default ranks on one host divide its processors.</summary>
    public void StartTorch(ParseResult parsed, ICollective? ranks = null)
    {
        var threads = ThreadCount(parsed);
        TorchRuntime.Initialize(threads == 0 && ranks is { Size: > 1 } ? ranks.Processors.Own : threads);
    }

    /// <summary>Threads that were asked for, 0 for the machine's own number. More than there are processors only wait for each other: a thousand took minutes for a second's work.</summary>
    public int ThreadCount(ParseResult parsed)
    {
        var threads = parsed.GetValue(Threads);
        return threads >= 0
            ? Math.Min(threads, Environment.ProcessorCount)
            : throw new UsageException($"--threads {threads}: must be 0 (all) or more");
    }

    /// <summary>The device that --device means; auto gives each rank of a host another GPU, as far as there are.</summary>
    public Device Device(ParseResult parsed, ICollective? ranks = null) => Device(parsed.GetValue(DeviceName)!, ranks);

    /// <summary>The device of a name, see <see cref="Device(ParseResult, ICollective?)"/>.</summary>
    public static Device Device(string name, ICollective? ranks = null)
    {
        if (name == "cpu" || (name == "auto" && !cuda_is_available()))
            return CPU;
        var index =
            name == "auto" ? $"{(ranks?.LocalRank ?? 0) % cuda.device_count()}"
            : name.StartsWith("cuda:", StringComparison.Ordinal) ? name["cuda:".Length..]
            : null;
        if (!int.TryParse(index, out var number) || number < 0)
            throw new UsageException($"--device {name}: unknown; use auto, cpu or cuda:0");
        if (!cuda_is_available() || number >= cuda.device_count())
            throw new ConfigurationException($"--device {name}: this machine has no such CUDA device; use cpu");
        return new Device(DeviceType.CUDA, number);
    }

    /// <summary>Loads the model on the device, ready to evaluate.</summary>
    public PreconditionedNetwork LoadModel(ParseResult parsed) => LoadModel(parsed, parsed.GetValue(Model)!);

    // A command without the option samples nothing, or takes what the model has.
    private bool FittedSchedules(ParseResult parsed) =>
        parsed.GetValue(Schedule) switch
        {
            null or FittedSchedule => true,
            "rho" => false,
            var other => throw new UsageException($"--schedule {other}: unknown; use {FittedSchedule} or rho"),
        };

    /// <summary>The autoencoder of a model of latents, on the device; null for a model of pictures.</summary>
    public LatentCodec? LoadCodec(ParseResult parsed, NetworkConfiguration network)
    {
        var file = parsed.GetValue(Autoencoder);
        if (network.Latents is not { } latents)
            return file is null
                ? null
                : throw new ConfigurationException($"--autoencoder {file}: the model works on pictures; leave it out");
        if (file is null)
            throw new ConfigurationException(
                $"--model {parsed.GetValue(Model)}: works on latents; give --autoencoder FILE, the weights of '{latents.Autoencoder}'"
            );
        return LatentCodec.Open(file, latents, Device(parsed));
    }

    /// <summary>Loads the model of --guide; null without one.</summary>
    public PreconditionedNetwork? LoadGuide(ParseResult parsed) =>
        parsed.GetValue(Guide) is { } name ? LoadModel(parsed, name, "--guide") : null;

    /// <summary>Loads a named model on the device, ready to evaluate.</summary>
    public PreconditionedNetwork LoadModel(ParseResult parsed, string name, string option = "--model", ICollective? ranks = null)
    {
        StartTorch(parsed, ranks);
        var device = Device(parsed, ranks);
        var type = ComputePrecision.Parse(parsed.GetValue(Precision) ?? "auto", device); // a command may not have the option
        var network = NetworkFile.Load(ModelCatalog.Resolve(name, option));
        network.ComputeType = type;
        if (!FittedSchedules(parsed))
            network.Schedules = ModelSchedules.None;
        return network.to(device);
    }
}

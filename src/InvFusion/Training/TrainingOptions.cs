using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using InvFusion.Configuration;
using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Models;
using InvFusion.Runtime;
using InvFusion.Training.Averages;
using InvFusion.Training.Validation;

namespace InvFusion.Training;

/// <summary>A complete training run; saved with the run as <c>options.json</c>.</summary>
public sealed record TrainingOptions
{
    /// <summary>The images: a prepared set, a folder or a zip.</summary>
    public required string Data { get; init; }

    /// <summary>The network.</summary>
    public required NetworkConfiguration Network { get; init; }

    /// <summary>The degradation families, one of which is drawn for each pass; specifications such as <c>sr:4</c> too.</summary>
    public IReadOnlyList<string> Degradations { get; init; } = ["matrix", "motion", "patches", "none", "box", "missing-box", "sr"];

    /// <summary>SHA-256 of each file that <see cref="Degradations"/> name, by its name there; written by the run, which does not resume with other content. Null without files.</summary>
    public IReadOnlyDictionary<string, string>? DegradationFiles { get; init; }

    /// <summary>Draws strides, patch sides and kernels once for the whole batch, as the public implementation does.</summary>
    public bool SharedDegradations { get; init; }

    /// <summary>Draws a family for every sample instead of one for the batch; measurements of a batch are then padded to the longest.</summary>
    public bool MixedDegradations { get; init; }

    /// <summary>σ_y of the noise on the measurements, in units of the images; the lowest one where <see cref="SigmaYMax"/> is given.</summary>
    public double SigmaY { get; init; }

    /// <summary>
    /// Draws each sample's σ_y uniformly between <see cref="SigmaY"/> and this, for a network that is told (<see cref="NetworkConfiguration.NoiseConditioning"/>);
    /// null for one σ_y.
    /// </summary>
    public double? SigmaYMax { get; init; }

    /// <summary>Makes small σ_y frequent: a mixture in place of the uniform draw up to <see cref="SigmaYMax"/>; null for the uniform draw.</summary>
    public SmallNoiseOptions? SigmaYSmall { get; init; }

    /// <summary>Probability that a sample's class is withheld, so that the network learns to do without.</summary>
    public double LabelDrop { get; init; }

    /// <summary>Images of one pass through the network.</summary>
    public int Batch { get; init; } = 32;

    /// <summary>Passes whose gradients are added up for one step.</summary>
    public int Rounds { get; init; } = 1;

    /// <summary>Images of the whole run.</summary>
    public long Images { get; init; } = 1 << 20;

    /// <summary>The loss.</summary>
    public LossOptions Loss { get; init; } = new();

    /// <summary>The learning rate.</summary>
    public LearningRateSchedule LearningRate { get; init; } = new();

    /// <summary>What makes steps of the gradients.</summary>
    public OptimizerOptions Optimizer { get; init; } = new();

    /// <summary>The moving average, which is what is evaluated and released.</summary>
    public EmaSchedule Ema { get; init; } = new();

    /// <summary>Averages whose length is chosen after the training, from snapshots in the run folder; none unless widths are given.</summary>
    public PowerAverageOptions PowerEma { get; init; } = new();

    /// <summary>
    /// Probability of each part of the geometric augmentation, whose parameters the network is told; 0 for none, 0.12 in EDM. The mirroring of
    /// <see cref="HorizontalFlip"/> is then part of it.
    /// </summary>
    public double Augmentation { get; init; }

    /// <summary>Mirrors each image left to right with probability 1/2.</summary>
    public bool HorizontalFlip { get; init; } = true;

    /// <summary>Seed of everything random.</summary>
    public ulong Seed { get; init; }

    /// <summary>auto, fp32 or bf16.</summary>
    public string Precision { get; init; } = "auto";

    /// <summary>Keeps no activations inside the layers for the backward pass but computes them anew: much less memory, a third more work.</summary>
    public bool GradientCheckpointing { get; init; }

    /// <summary>Images between two lines of <c>stats.jsonl</c>.</summary>
    public long StatusImages { get; init; } = 1 << 10;

    /// <summary>Images between two checkpoints.</summary>
    public long CheckpointImages { get; init; } = 1 << 14;

    /// <summary>Images between two grids of samples; 0 for none.</summary>
    public long GridImages { get; init; } = 1 << 15;

    /// <summary>Measures the averaged weights on held-out images at intervals; null for never. It does not change what the run computes.</summary>
    public ValidationOptions? Validation { get; init; }

    /// <summary>The autoencoder that grids of latents are decoded with; null for pictures.</summary>
    public string? Autoencoder { get; init; }

    /// <summary>Training states that are kept.</summary>
    public int KeepCheckpoints { get; init; } = 2;

    /// <summary>A network file whose weights the run starts from, or null.</summary>
    public string? WarmStart { get; init; }

    /// <summary>Images of one optimizer step.</summary>
    [JsonIgnore]
    public int StepImages => Batch * Rounds;

    /// <summary>The options with the checksums of the files that the degradations name.</summary>
    /// <exception cref="DataFormatException">One cannot be read.</exception>
    public TrainingOptions WithFiles()
    {
        var files = Degradations.SelectMany(DegradationFamilies.FilesOf).Distinct().Order(StringComparer.Ordinal).ToArray();
        return this with
        {
            DegradationFiles = files.Length == 0 ? null : files.ToDictionary(f => f, f => UsedFile.Of(UsedFile.DegradationRole, f).Sha256),
        };
    }

    /// <summary>Reads options; unknown keys are refused.</summary>
    /// <exception cref="ConfigurationException">The message names the key.</exception>
    public static TrainingOptions FromJson(string json, string source)
    {
        var options = ConfigurationJson.Read<TrainingOptions>(json, source);
        options.Validate(source);
        return options;
    }

    /// <summary>The options as indented JSON.</summary>
    public string ToJson() => ConfigurationJson.Write(this);

    /// <summary>Draws the σ_y of one sample.</summary>
    internal double DrawSigmaY(RandomStream stream) =>
        SigmaYMax is not { } high ? SigmaY : SigmaYSmall?.Draw(stream, high) ?? stream.NextUniform(SigmaY, high);

    /// <summary>Checks every value.</summary>
    /// <exception cref="ConfigurationException">The message names the key.</exception>
    public void Validate(string source = "training options")
    {
        Network.Validate(source);
        Require(Batch is > 0 and <= 1 << 16, "batch", $"is {Batch}; it must be 1 to 65536");
        Require(Rounds is > 0 and <= 1 << 12, "rounds", $"is {Rounds}; it must be 1 to 4096");
        Require(Images > 0, "images", $"is {Images}; it must be positive");
        Require(SigmaY is >= 0 and < 100, "sigmaY", $"is {SigmaY}; it must be 0 or more, in units of images in [-1, 1]");
        if (SigmaYMax is { } high)
        {
            Require(high > SigmaY && high < 100, "sigmaYMax", $"is {high}; it must be above sigmaY ({SigmaY}) and below 100");
            Require(
                Network.NoiseConditioning,
                "sigmaYMax",
                "is given; a network that is told the noise needs network.noiseConditioning true"
            );
        }
        if (SigmaYSmall is { } small)
        {
            var (below, share, zeros) = (small.Below, small.Share, small.ZeroShare);
            Require(SigmaYMax is not null, "sigmaYSmall", "is given without sigmaYMax, the largest noise; give both");
            Require(SigmaY == 0, "sigmaYSmall", $"is given with sigmaY {SigmaY}; its range begins at 0, so leave sigmaY out");
            Require(below > 0 && below < SigmaYMax, "sigmaYSmall.below", $"is {below}; it must be between 0 and sigmaYMax ({SigmaYMax})");
            Require(share is >= 0 and <= 1, "sigmaYSmall.share", $"is {share}; it must be a probability, 0 to 1");
            Require(zeros is >= 0 and <= 1, "sigmaYSmall.zeroShare", $"is {zeros}; it must be a probability, 0 to 1");
        }
        Require(
            !(MixedDegradations && SharedDegradations),
            "mixedDegradations",
            "and sharedDegradations exclude each other; set one of them"
        );
        Require(LabelDrop is >= 0 and <= 1, "labelDrop", $"is {LabelDrop}; it must be a probability, 0 to 1");
        Require(LabelDrop == 0 || Network.Classes > 0, "labelDrop", $"is {LabelDrop}; the network has no classes (network.classes)");
        ValidateLoss();
        Require(LearningRate.Rate is > 0 and < 1, "learningRate.rate", $"is {LearningRate.Rate}; it must be in (0, 1)");
        NotNegative(LearningRate.ReferenceBatches, "learningRate.referenceBatches");
        NotNegative(LearningRate.RampUpImages, "learningRate.rampUpImages");
        NotNegative(LearningRate.CoolDownImages, "learningRate.coolDownImages");
        Optimizer.Validate(source);
        NotNegative(Ema.RampUpRatio, "ema.rampUpRatio");
        Require(Ema.HalfLifeImages > 0, "ema.halfLifeImages", $"is {Ema.HalfLifeImages}; it must be positive");
        foreach (var std in PowerEma.Stds)
            Require(
                std > 0 && std <= PowerFunction.LargestStd,
                "powerEma.stds",
                $"has {std}; it must be above 0 and at most {PowerFunction.LargestStd:F3}"
            );
        Require(PowerEma.Stds.Distinct().Count() == PowerEma.Stds.Count, "powerEma.stds", "has a value twice");
        Require(PowerEma.SnapshotImages > 0, "powerEma.snapshotImages", $"is {PowerEma.SnapshotImages}; it must be positive");
        Require(Augmentation is >= 0 and <= 1, "augmentation", $"is {Augmentation}; it must be a probability, 0 to 1");
        Require(StatusImages > 0, "statusImages", $"is {StatusImages}; it must be positive");
        Require(CheckpointImages > 0, "checkpointImages", $"is {CheckpointImages}; it must be positive");
        Require(GridImages >= 0, "gridImages", $"is {GridImages}; it must not be negative");
        Validation?.Validate($"{source}: validation.");
        Require(KeepCheckpoints > 0, "keepCheckpoints", $"is {KeepCheckpoints}; it must be positive");
        Require(Degradations.Count > 0, "degradations", "is empty; name at least one family");
        foreach (var name in Degradations)
        {
            var problem = Problem(name);
            Require(problem is null, "degradations", $"has '{name}': {problem}");
        }
        Require(Precision is "auto" or "fp32" or "bf16", "precision", $"is '{Precision}'; use auto, fp32 or bf16");

        static string? Problem(string? name)
        {
            try
            {
                _ = DegradationFamilies.Create(name ?? throw new ConfigurationException("name a family or a degradation"));
                return null;
            }
            catch (ConfigurationException e)
            {
                return e.Message;
            }
        }

        void ValidateLoss()
        {
            Require(Enum.IsDefined(Loss.Kind), "loss.kind", $"is '{Loss.Kind}'; use Edm, Mmse or Nppc");
            Require(double.IsFinite(Loss.LogSigmaMean), "loss.logSigmaMean", $"is {Loss.LogSigmaMean}; it must be a number");
            Require(Loss.LogSigmaStd is > 0 and < 100, "loss.logSigmaStd", $"is {Loss.LogSigmaStd}; it must be positive");
            Require(Loss.MmseShare is >= 0 and <= 1, "loss.mmseShare", $"is {Loss.MmseShare}; it must be 0 to 1");
            Require(
                !Loss.Stratified || Loss.Kind == LossKind.Edm,
                "loss.stratified",
                $"is true; {Loss.Kind} draws no σ, only Edm does: leave it out"
            );
            NotNegative(Loss.ConsistencyWeight, "loss.consistencyWeight");
            NotNegative(Loss.DirectionWeight, "loss.directionWeight");
            Require(
                (Loss.Kind == LossKind.Nppc) == (Network.Directions > 0),
                "loss.kind",
                $"is {Loss.Kind} and network.directions {Network.Directions}; Nppc is the loss of a network with directions, and no other is"
            );
            Require(
                Loss.Kind == LossKind.Edm || Network.Kind != NetworkKind.Unconditional,
                "loss.kind",
                $"is {Loss.Kind}; without a measurement (network.kind Unconditional) only Edm makes sense"
            );
        }

        void NotNegative(double value, string key) =>
            Require(value >= 0 && double.IsFinite(value), key, $"is {value}; it must be a number that is not negative");

        void Require(bool condition, string key, string problem)
        {
            if (!condition)
                throw new ConfigurationException($"{source}: {key} {problem}");
        }
    }

    /// <summary>Refuses to go on with a run under options that would change what it computes; lengths and intervals may change.</summary>
    /// <exception cref="ConfigurationException">The message says how to go on.</exception>
    public void CheckResumable(TrainingOptions saved, string source)
    {
        var comparable = this with
        {
            Images = saved.Images,
            StatusImages = saved.StatusImages,
            CheckpointImages = saved.CheckpointImages,
            GridImages = saved.GridImages,
            Validation = saved.Validation,
            Autoencoder = saved.Autoencoder,
            KeepCheckpoints = saved.KeepCheckpoints,
            DegradationFiles = saved.DegradationFiles is null ? null : DegradationFiles, // runs of earlier versions do not say
            PowerEma = PowerEma with { SnapshotImages = saved.PowerEma.SnapshotImages },
            Data = SamePath(Data, saved.Data) ? saved.Data : Data,
            WarmStart = SamePath(WarmStart, saved.WarmStart) ? saved.WarmStart : WarmStart,
        };
        var changed = FirstDifference(JsonNode.Parse(saved.ToJson()), JsonNode.Parse(comparable.ToJson()), "");
        if (changed is not null)
            throw new ConfigurationException(
                $"{source}: the run was started with other options ({changed}); resume with its own options.json or start in a new folder"
            );
    }

    private static bool SamePath(string? now, string? saved) =>
        now is not null && saved is not null && Path.GetFullPath(now) == Path.GetFullPath(saved);

    /// <summary>The same with every path that leads to something made absolute, so that the run can be resumed from any folder.</summary>
    public TrainingOptions WithAbsolutePaths()
    {
        return this with
        {
            Data = DatasetLayouts.Absolute(Data),
            Validation = Validation is { } v ? v with { Data = DatasetLayouts.Absolute(v.Data) } : null,
            Autoencoder = Absolute(Autoencoder),
            WarmStart = Absolute(WarmStart),
        };

        static string? Absolute(string? path) => path is null ? null : DatasetLayouts.Absolute(path);
    }

    // For example "network.levels[0].width: 96, now 48".
    private static string? FirstDifference(JsonNode? old, JsonNode? now, string path)
    {
        if (JsonNode.DeepEquals(old, now))
            return null;
        if (old is JsonObject a && now is JsonObject b) // of the same record: the same keys
            return a.Select(pair => FirstDifference(pair.Value, b[pair.Key], $"{path}.{pair.Key}")).First(found => found is not null);
        if (old is JsonArray c && now is JsonArray d && c.Count == d.Count)
            return c.Select((item, i) => FirstDifference(item, d[i], $"{path}[{i}]")).First(found => found is not null);
        return $"{path.TrimStart('.')}: {Text(old)}, now {Text(now)}";

        static string Text(JsonNode? node) => node is null ? "null" : ConfigurationJson.Write(node, indented: false);
    }
}

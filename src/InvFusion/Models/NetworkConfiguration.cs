using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using InvFusion.Autoencoding;
using InvFusion.Configuration;

namespace InvFusion.Models;

/// <summary>Everything that decides the shape of a network; it travels inside the checkpoint's metadata.</summary>
public sealed record NetworkConfiguration
{
    /// <summary>What the network is told about the measurement.</summary>
    public NetworkKind Kind { get; init; } = NetworkKind.InvFusion;

    /// <summary>C, channels of an image.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>Height and width of the images it is made for, in pixels.</summary>
    public required int Resolution { get; init; }

    /// <summary>p, the side in pixels of a token at the first level.</summary>
    public required int Patch { get; init; }

    /// <summary>The levels, finest first.</summary>
    public required IReadOnlyList<LevelConfiguration> Levels { get; init; }

    /// <summary>Width of the conditioning vector.</summary>
    public int MappingWidth { get; init; } = 256;

    /// <summary>Blocks of the mapping network.</summary>
    public int MappingDepth { get; init; } = 2;

    /// <summary>Hidden width of the mapping network; 0 is three times its width.</summary>
    public int MappingHiddenWidth { get; init; }

    /// <summary>Number of classes; 0 is no class conditioning.</summary>
    public int Classes { get; init; }

    /// <summary>K, the principal directions of an NPPC network; 0 is none.</summary>
    public int Directions { get; init; }

    /// <summary>σ_data of the preconditioning, in units of the images.</summary>
    public double SigmaData { get; init; } = 0.5;

    /// <summary>
    /// Adds (1 - c_skip)·H⁺y to D, so that F learns only what was not measured. Not in the paper; a small network learns in minutes what else takes hours.
    /// </summary>
    public bool MeasurementSkip { get; init; }

    /// <summary>
    /// Steps of <see cref="Degradations.LinearOperator.LinearEstimate(TorchSharp.torch.Tensor, int, TorchSharp.torch.Tensor)"/>, with which the network is given the best linear estimate of the image in place of H⁺y (as an
    /// input and in <see cref="MeasurementSkip"/>); 0 is H⁺y, as in the paper. The degradation layers keep H⁺. Not in the paper: it is 1 to 10 dB nearer.
    /// </summary>
    public int LinearEstimateSteps { get; init; }

    /// <summary>
    /// Gives the network the best linear estimate of the image from x_t and y together (<see cref="Degradations.JointEstimate"/>), as an input in place of H⁺y and as the
    /// skip, m + c_out·F, with c_out the standard deviation that is left. Not in the paper.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool JointEstimate { get; init; }

    /// <summary>
    /// A further input of a network with <see cref="JointEstimate"/>: the standard deviation of each pixel given x_t and y, without a prior, in units of σ (EPS, arXiv
    /// 2606.17048: the diagonal of Σ*). Its weights start at zero.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool VarianceInput { get; init; }

    /// <summary>
    /// A further input of a network with <see cref="JointEstimate"/>: the misfit of the last estimate, Hᵀ(y - H D) (FlowBender, arXiv 2606.20404); zero at the first
    /// noise level. Its weights start at zero. It doubles the forward passes of a training.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool MisfitInput { get; init; }

    /// <summary>Tells the network σ_y, the noise of the measurement. Not in the paper; off, the network has no weights for it.</summary>
    public bool NoiseConditioning { get; init; }

    /// <summary>What the latents are of that the network works on, from the set that it was trained on; null, and not in the file, for pictures.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LatentDescription? Latents { get; init; }

    /// <summary>Dropout in training.</summary>
    public double Dropout { get; init; } = 0.05;

    /// <summary>Whether a second image is an input beside x: H⁺y, or an estimate.</summary>
    [JsonIgnore]
    public bool HasEstimate => JointEstimate || Kind != NetworkKind.Unconditional;

    /// <summary>Images at the network's input, each of <see cref="Channels"/>.</summary>
    [JsonIgnore]
    public int InputImages => (HasEstimate ? 2 : 1) + (VarianceInput ? 1 : 0) + (MisfitInput ? 1 : 0);

    /// <summary>Side in pixels that a token covers at a level: P = p·2^level.</summary>
    public int PatchAt(int level) => Patch << level;

    /// <summary>Reads a configuration from JSON; unknown keys are refused.</summary>
    /// <exception cref="ConfigurationException">The text is not a valid configuration; the message names the key.</exception>
    public static NetworkConfiguration FromJson(string json, string source)
    {
        var configuration = ConfigurationJson.Read<NetworkConfiguration>(json, source);
        configuration.Validate(source);
        return configuration;
    }

    /// <summary>The configuration as JSON.</summary>
    public string ToJson() => ConfigurationJson.Write(this, indented: false);

    /// <summary>Checks that the network can be built.</summary>
    /// <param name="source">Named in the message: a file or option.</param>
    /// <exception cref="ConfigurationException">A value is out of range; the message names it.</exception>
    public void Validate(string source = "network")
    {
        Require(Enum.IsDefined(Kind), "kind", $"is '{Kind}'; use InvFusion, Blind or Unconditional");
        Require(Channels is > 0 and <= 64, "channels", $"is {Channels}; it must be 1 to 64");
        Require(Patch is > 0 and <= 64, "patch", $"is {Patch}; it must be 1 to 64");
        Require(Levels is { Count: > 0 and <= 8 }, "levels", "must have 1 to 8 entries");
        var coarsest = PatchAt(Levels.Count - 1);
        Require(
            Resolution is > 0 and <= 8192 && Resolution % coarsest == 0,
            "resolution",
            $"is {Resolution}; it must be a positive multiple of {coarsest}"
        );
        Require(
            MappingWidth is > 0 and <= 1 << 16 && MappingWidth % 2 == 0,
            "mappingWidth",
            $"is {MappingWidth}; it must be even and positive"
        );
        Require(MappingDepth is >= 0 and <= 64, "mappingDepth", $"is {MappingDepth}; it must be 0 to 64");
        Require(MappingHiddenWidth is >= 0 and <= 1 << 16, "mappingHiddenWidth", $"is {MappingHiddenWidth}; it must not be negative");
        Require(Classes is >= 0 and <= 1 << 20, "classes", $"is {Classes}; it must not be negative");
        Require(Directions is >= 0 and <= 256, "directions", $"is {Directions}; it must be 0 to 256");
        Require(SigmaData is > 0 and < 100, "sigmaData", $"is {SigmaData}; it must be positive");
        Require(
            !MeasurementSkip || Kind != NetworkKind.Unconditional,
            "measurementSkip",
            "is true; an unconditional network is given no measurement"
        );
        Require(
            !NoiseConditioning || Kind != NetworkKind.Unconditional,
            "noiseConditioning",
            "is true; an unconditional network is given no measurement"
        );
        Require(LinearEstimateSteps is >= 0 and <= 1000, "linearEstimateSteps", $"is {LinearEstimateSteps}; it must be 0 to 1000");
        Require(
            !JointEstimate || (!MeasurementSkip && LinearEstimateSteps == 0),
            "jointEstimate",
            "is true; it takes the place of measurementSkip and linearEstimateSteps, leave those out"
        );
        var furthers = JointEstimate && Kind != NetworkKind.Unconditional;
        Require(!VarianceInput || furthers, "varianceInput", "is true; it needs jointEstimate and a network that is given a measurement");
        Require(!MisfitInput || furthers, "misfitInput", "is true; it needs jointEstimate and a network that is given a measurement");
        Require(Dropout is >= 0 and < 1, "dropout", $"is {Dropout}; it must be in [0, 1)");
        Require(
            Latents is null || (Latents.IsValid && Latents.Mean.Length == Channels),
            "latents",
            $"does not have a mean and a positive standard deviation for each of {Channels} channels"
        );
        for (var i = 0; i < Levels.Count; i++)
            ValidateLevel(i);

        void ValidateLevel(int i)
        {
            var level = Levels[i];
            var (name, tokens) = ($"levels[{i}]", Resolution / PatchAt(i));
            Require(level is not null, name, "is null; it must be a level");
            Require(level.Depth is > 0 and <= 256, $"{name}.depth", $"is {level.Depth}; it must be 1 to 256");
            Require(level.Width is > 0 and <= 1 << 16, $"{name}.width", $"is {level.Width}; it must be positive");
            Require(
                level.HeadWidth > 0 && level.HeadWidth % 8 == 0 && level.Width % level.HeadWidth == 0,
                $"{name}.headWidth",
                $"is {level.HeadWidth}; it must be a multiple of 8 that divides the width {level.Width}"
            );
            Require(level.HiddenWidth is >= 0 and <= 1 << 18, $"{name}.hiddenWidth", $"is {level.HiddenWidth}; it must not be negative");
            Require(
                level.Kernel == 0 || (level.Kernel > 0 && level.Kernel % 2 == 1 && level.Kernel <= tokens),
                $"{name}.kernel",
                $"is {level.Kernel}; it must be 0 (global) or odd and at most {tokens}, the tokens along a side"
            );
            var unit = PatchAt(i) * PatchAt(i) * Channels;
            Require(
                Kind != NetworkKind.InvFusion || !level.Joint || level.Width % unit == 0,
                $"{name}.width",
                $"is {level.Width}; a joint level needs a multiple of {unit} (side² × channels of what a token covers)"
            );
        }

        void Require([DoesNotReturnIf(false)] bool condition, string key, string problem)
        {
            if (!condition)
                throw new ConfigurationException($"{source}: {key} {problem}");
        }
    }
}

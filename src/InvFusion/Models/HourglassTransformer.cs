using InvFusion.Modules;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Models;

/// <summary>The raw network F: a degradation-aware hourglass transformer over tokens (HDiT with the feature degradation layers of InvFusion).</summary>
public sealed class HourglassTransformer : nn.Module
{
    /// <summary>Length of the augmentation vector.</summary>
    internal const int AugmentationParameters = 9;

    /// <summary>What the names of the weights begin with that a network without <see cref="NetworkConfiguration.NoiseConditioning"/> lacks.</summary>
    internal const string NoiseConditioningPrefix = "unet.sigma_y_";

    // σ_y is told as ln(1 + σ_y/0.01)/4: smooth at 0, like c_noise far above.
    private const double SigmaYUnit = 0.01;

    private readonly NetworkConfiguration _configuration;
    private readonly GridPositions _positions = new();
    private readonly ConditionCache? _conditions; // null until all is built: the finalizer of one that could not be comes here too

    [ComponentName(Name = "patch_in")]
    private readonly TokenMerge _patchIn;

    [ComponentName(Name = "time_emb")]
    private readonly FourierFeatures _timeEmb;

    [ComponentName(Name = "time_in_proj")]
    private readonly Modules.Linear _timeInProj;

    [ComponentName(Name = "aug_emb")]
    private readonly FourierFeatures _augEmb;

    [ComponentName(Name = "aug_in_proj")]
    private readonly Modules.Linear _augInProj;

    [ComponentName(Name = "class_emb")]
    private readonly Embedding? _classEmb;

    [ComponentName(Name = "sigma_y_emb")]
    private readonly FourierFeatures? _sigmaYEmb;

    [ComponentName(Name = "sigma_y_in_proj")]
    private readonly Modules.Linear? _sigmaYInProj;

    [ComponentName(Name = "mapping")]
    private readonly MappingNetwork _mapping;

    [ComponentName(Name = "down_levels")]
    private readonly ModuleList<ModuleList<TransformerLayer>> _downLevels;

    [ComponentName(Name = "up_levels")]
    private readonly ModuleList<ModuleList<TransformerLayer>> _upLevels;

    [ComponentName(Name = "mid_level")]
    private readonly ModuleList<TransformerLayer> _midLevel;

    [ComponentName(Name = "merges")]
    private readonly ModuleList<TokenMerge> _merges;

    [ComponentName(Name = "splits")]
    private readonly ModuleList<TokenSplit> _splits;

    [ComponentName(Name = "out_norm")]
    private readonly RmsNormLayer _outNorm;

    [ComponentName(Name = "patch_out")]
    private readonly PatchOut _patchOut;

    /// <summary>Builds the network of a valid configuration.</summary>
    public HourglassTransformer(NetworkConfiguration c)
        : base(nameof(HourglassTransformer))
    {
        _configuration = c;
        int inputs = c.Channels * c.InputImages,
            last = c.Levels.Count - 1;
        _patchIn = new(inputs, c.Levels[0].Width, c.Patch);
        _timeEmb = new(1, c.MappingWidth);
        _timeInProj = new(c.MappingWidth, c.MappingWidth);
        _augEmb = new(AugmentationParameters, c.MappingWidth);
        _augInProj = new(c.MappingWidth, c.MappingWidth);
        if (c.Classes > 0)
            _classEmb = nn.Embedding(c.Classes + 1, c.MappingWidth);
        if (c.NoiseConditioning)
        {
            _sigmaYEmb = new(1, c.MappingWidth);
            _sigmaYInProj = new(c.MappingWidth, c.MappingWidth, zero: true); // a network that was trained without goes on as it was
        }
        _mapping = new(c.MappingDepth, c.MappingWidth, c.MappingHiddenWidth > 0 ? c.MappingHiddenWidth : 3 * c.MappingWidth, c.Dropout);
        _downLevels = new([.. Enumerable.Range(0, last).Select(Layers)]);
        _upLevels = new([.. Enumerable.Range(0, last).Select(Layers)]);
        _midLevel = Layers(last);
        _merges = new([.. Enumerable.Range(0, last).Select(i => new TokenMerge(c.Levels[i].Width, c.Levels[i + 1].Width, 2))]);
        _splits = new([.. Enumerable.Range(0, last).Select(i => new TokenSplit(c.Levels[i + 1].Width, c.Levels[i].Width))]);
        _outNorm = new(c.Levels[0].Width);
        _patchOut = new(c.Levels[0].Width, c.Channels, c.Directions, c.Patch);
        var estimates = c.HasEstimate ? 2 : 1;
        if (c.InputImages > estimates)
            _patchIn.ForgetInputs(c.Channels * estimates);
        RegisterComponents();
        _conditions = new([.. modules().OfType<AdaptiveRmsNorm>()]);
    }

    private ModuleList<TransformerLayer> Layers(int level)
    {
        var l = _configuration.Levels[level];
        var shape = new LayerShape(
            l.Width,
            l.HeadWidth,
            l.Kernel,
            l.FeedForwardWidth,
            _configuration.Kind == NetworkKind.InvFusion && l.Joint,
            _configuration.PatchAt(level),
            _configuration.Channels,
            _configuration.MappingWidth,
            _configuration.Dropout
        );
        return new([.. Enumerable.Range(0, l.Depth).Select(_ => new TransformerLayer(shape))]);
    }

    /// <summary>F(input, c_noise): <c>[B, H, W, inputs]</c> channel-last and c_noise <c>[B]</c> → <c>[B, H, W, outputs]</c>, float32.</summary>
    /// <param name="input">c_in·x, with H⁺y behind it where the kind has it.</param>
    /// <param name="noise">c_noise = ln(σ)/4.</param>
    /// <param name="conditioning">What is known beside the image.</param>
    /// <param name="computeType">Type of the products; the residual stream stays in float32.</param>
    /// <param name="checkpoints">Computes layers anew on the way back; null keeps their activations.</param>
    public Tensor Forward(
        Tensor input,
        Tensor noise,
        Conditioning conditioning,
        ScalarType computeType,
        LayerCheckpoints? checkpoints = null
    )
    {
        using var scope = NewDisposeScope();
        var (op, y) = (conditioning.Operator, conditioning.Measurements);
        var condition = _conditions!.Get(noise, conditioning, () => Condition(noise, conditioning));
        var context = new LayerContext(condition, op, y, computeType, checkpoints);
        var x = _patchIn.call(input, computeType);
        var positions = _positions.Get((int)x.shape[1], (int)x.shape[2], _merges.Count + 1, x.device);
        var skips = new List<Tensor>();
        for (var i = 0; i < _merges.Count; i++)
        {
            x = Through(_downLevels[i], x, positions[i], context);
            skips.Add(x);
            x = _merges[i].call(x, computeType);
        }
        x = Through(_midLevel, x, positions[^1], context);
        for (var i = _splits.Count - 1; i >= 0; i--)
            x = Through(_upLevels[i], _splits[i].call(x, skips[i], computeType), positions[i], context);
        var pixels = _patchOut.call(_outNorm.call(x).to_type(computeType));
        return pixels.to_type(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _conditions?.Dispose();
        _positions.Dispose();
        base.Dispose(disposing);
    }

    private static Tensor Through(ModuleList<TransformerLayer> layers, Tensor x, Tensor positions, LayerContext context)
    {
        foreach (var layer in layers)
            x = layer.Forward(x, positions, context);
        return x;
    }

    // cond = Mapping(time + augmentation + class + σ_y), <c>[B, c]</c>.
    private Tensor Condition(Tensor noise, Conditioning c)
    {
        using var scope = NewDisposeScope();
        var augmentation = c.Augmentation ?? zeros([1, AugmentationParameters], device: noise.device);
        var sum = _timeInProj.call(_timeEmb.call(noise.unsqueeze(-1))) + _augInProj.call(_augEmb.call(augmentation));
        if (_classEmb is not null)
            sum =
                sum
                + _classEmb.call(
                    c.ClassLabels ?? full([noise.shape[0]], _configuration.Classes, dtype: ScalarType.Int64, device: noise.device)
                );
        if (_sigmaYEmb is not null)
        {
            var sigmaY = c.NoiseLevel ?? zeros([1], device: noise.device);
            sum = sum + _sigmaYInProj!.call(_sigmaYEmb.call((sigmaY / SigmaYUnit).log1p().unsqueeze(-1) / 4));
        }
        return _mapping.call(sum).MoveToOuterDisposeScope();
    }
}

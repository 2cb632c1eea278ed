using InvFusion.Degradations;
using InvFusion.Ops.Kernels;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>One layer: at joint levels the feature degradation, then attention and feed-forward blocks.</summary>
public sealed class TransformerLayer : nn.Module
{
    [ComponentName(Name = "feature_degradation")]
    private readonly FeatureDegradation? _featureDegradation;

    [ComponentName(Name = "attn")]
    private readonly TransformerBlocks _blocks;

    /// <summary>Creates a layer of the given level.</summary>
    public TransformerLayer(LayerShape shape)
        : base(nameof(TransformerLayer))
    {
        if (shape.Joint)
            _featureDegradation = new(shape.Width, shape.Patch, shape.Channels);
        _blocks = new(shape);
        RegisterComponents();
    }

    /// <summary>Applies the layer to tokens <c>[B, h, w, d]</c>.</summary>
    public Tensor Forward(Tensor tokens, Tensor positions, LayerContext context) =>
        context.Checkpoints is { } checkpoints && is_grad_enabled()
            ? checkpoints.Run((t, c, p) => Compute(t, p, context with { Condition = c }), tokens, context.Condition, positions)
            : Compute(tokens, positions, context);

    private Tensor Compute(Tensor tokens, Tensor positions, LayerContext context)
    {
        using var scope = NewDisposeScope();
        var joint = JointFeatures.None;
        if (_featureDegradation is not null)
            joint = context is { Operator: { } op, Measurements: { } y }
                ? new(JointKind.Given, _featureDegradation.Forward(tokens, op, y, context.ComputeType))
                : JointFeatures.Zero;
        return _blocks.Forward(tokens, positions, joint, context).MoveToOuterDisposeScope();
    }
}

/// <summary>The attention and feed-forward blocks of one layer.</summary>
public sealed class TransformerBlocks : nn.Module
{
    [ComponentName(Name = "self_attn")]
    private readonly SelfAttentionBlock _selfAttention;

    [ComponentName(Name = "ff")]
    private readonly FeedForwardBlock _feedForward;

    /// <summary>Creates the blocks of the given level.</summary>
    public TransformerBlocks(LayerShape s)
        : base(nameof(TransformerBlocks))
    {
        _selfAttention = new(s.Width, s.HeadWidth, s.Kernel, s.ConditionWidth, s.Joint, s.Dropout);
        _feedForward = new(s.Width, s.HiddenWidth, s.ConditionWidth, s.Dropout);
        RegisterComponents();
    }

    /// <summary>Applies both blocks to tokens <c>[B, h, w, d]</c>.</summary>
    public Tensor Forward(Tensor tokens, Tensor positions, JointFeatures joint, LayerContext context)
    {
        var dtype = context.ComputeType;
        if (TakesKernels(tokens, dtype) && _selfAttention.CanFuse(tokens))
        {
            if (training || !Fuses(tokens, context.Condition, dtype))
            {
                using var added = _selfAttention.FusedWithGraph(tokens, positions, context.Condition, joint, dtype);
                return _feedForward.FusedAfterWithGraph(tokens, added, context.Condition);
            }
            if (_selfAttention.CanPack(dtype) && _feedForward.CanPack(dtype))
            {
                using var read = _selfAttention.Attend(tokens, positions, context.Condition, joint, dtype);
                return _feedForward.PackedAfter(tokens, read, _selfAttention.OutProjection, context.Condition);
            }
            using var delta = _selfAttention.Fused(tokens, positions, context.Condition, joint, dtype);
            return _feedForward.FusedAfter(tokens, delta, context.Condition, dtype);
        }
        using var attended = _selfAttention.Forward(tokens, positions, context.Condition, joint, dtype);
        return _feedForward.call(attended, context.Condition, dtype);
    }

    /// <summary>Whether a layer takes the fused form of its blocks without a graph, where the attention has room for the tokens.</summary>
    internal static bool Fuses(Tensor tokens, Tensor condition, ScalarType dtype) =>
        TakesKernels(tokens, dtype) && FusedKernels.TakeWithoutGraph(FusedKernel.Norm | FusedKernel.Attention, tokens, condition);

    private static bool TakesKernels(Tensor tokens, ScalarType dtype) =>
        FusedKernels.Take(FusedKernel.Norm | FusedKernel.Attention, tokens)
        && tokens.dtype == ScalarType.Float32
        && dtype is ScalarType.Float32 or ScalarType.BFloat16;
}

/// <summary>What a layer is made of.</summary>
/// <param name="Width">d, channels of a token.</param>
/// <param name="HeadWidth">e, channels of a head.</param>
/// <param name="Kernel">Window side of neighborhood attention, 0 for global.</param>
/// <param name="HiddenWidth">Hidden width of the feed-forward block.</param>
/// <param name="Joint">Whether the degradation is fed into the layer.</param>
/// <param name="Patch">P, the side in pixels that a token covers.</param>
/// <param name="Channels">C, channels of an image.</param>
/// <param name="ConditionWidth">Width of the conditioning vector.</param>
/// <param name="Dropout">Dropout in training.</param>
public sealed record LayerShape(
    int Width,
    int HeadWidth,
    int Kernel,
    int HiddenWidth,
    bool Joint,
    int Patch,
    int Channels,
    int ConditionWidth,
    double Dropout
);

/// <summary>What all layers share in one evaluation.</summary>
/// <param name="Condition">Conditioning vector, <c>[B, c]</c> float32.</param>
/// <param name="Operator">H, or null.</param>
/// <param name="Measurements">y, <c>[B, 1, O]</c>, or null.</param>
/// <param name="ComputeType">Type of the products.</param>
/// <param name="Checkpoints">Computes layers anew on the way back; null keeps their activations.</param>
public sealed record LayerContext(
    Tensor Condition,
    LinearOperator? Operator,
    Tensor? Measurements,
    ScalarType ComputeType,
    LayerCheckpoints? Checkpoints = null
);

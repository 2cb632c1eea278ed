using InvFusion.Ops;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>RMSNorm whose scale is 1 + Linear(cond), zero-initialised.</summary>
public sealed class AdaptiveRmsNorm : nn.Module<Tensor, Tensor, ScalarType, Tensor>
{
    private (Tensor Condition, Tensor Scale)? _kept; // no field of its own for a tensor: that would be a buffer

    [ComponentName(Name = "linear")]
    private readonly Linear _linear;

    /// <summary>Creates the layer.</summary>
    /// <param name="width">Channels of the tokens.</param>
    /// <param name="conditionWidth">Width of the conditioning vector.</param>
    public AdaptiveRmsNorm(long width, long conditionWidth)
        : base(nameof(AdaptiveRmsNorm))
    {
        _linear = new(conditionWidth, width, zero: true);
        RegisterComponents();
    }

    /// <summary>Normalises <c>[B, h, w, d]</c> with a condition <c>[B, c]</c>; the result has the given type.</summary>
    public override Tensor forward(Tensor tokens, Tensor condition, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var scale = Scale(condition);
        return RmsNorm.Apply(tokens, scale.view(scale.shape[0], 1, 1, scale.shape[1]), dtype).MoveToOuterDisposeScope();
    }

    /// <summary>The weights that the scale comes from, <c>[d, c]</c>.</summary>
    internal Tensor Weight => _linear.Weight;

    /// <summary>Takes over a scale that was computed elsewhere, for as long as the condition is this one.</summary>
    internal void Keep(Tensor condition, Tensor scale)
    {
        Forget();
        _kept = (condition, scale);
    }

    /// <summary>Releases what was kept.</summary>
    internal void Forget()
    {
        _kept?.Scale.Dispose();
        _kept = null;
    }

    /// <summary>What the normalised channels are multiplied by: <c>[B, c]</c> → <c>[B, d]</c>; kept here or of the caller's dispose scope, so not to be disposed by hand.</summary>
    internal Tensor Scale(Tensor condition)
    {
        if (_kept is { } kept && ReferenceEquals(condition, kept.Condition))
            return kept.Scale;
        using var linear = _linear.call(condition);
        return linear + 1;
    }
}

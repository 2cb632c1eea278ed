using InvFusion.Ops;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>RMSNorm whose scale is 1 + Linear(cond), zero-initialised.</summary>
public sealed class AdaptiveRmsNorm : nn.Module<Tensor, Tensor, ScalarType, Tensor>
{
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

    /// <summary>What the normalised channels are multiplied by: <c>[B, c]</c> → <c>[B, d]</c>.</summary>
    internal Tensor Scale(Tensor condition)
    {
        using var linear = _linear.call(condition);
        return linear + 1;
    }
}

using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>[cos(2π v Wᵀ), sin(2π v Wᵀ)] with a fixed random W (a buffer, not trained).</summary>
public sealed class FourierFeatures : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "weight")]
    private readonly Tensor _weight;

    /// <summary>Creates the layer.</summary>
    /// <param name="inputs">Width of the input.</param>
    /// <param name="outputs">Width of the output, even.</param>
    public FourierFeatures(long inputs, long outputs)
        : base(nameof(FourierFeatures))
    {
        _weight = Parameters.Buffer(randn(outputs / 2, inputs));
        RegisterComponents();
    }

    /// <summary><c>[B, inputs]</c> → <c>[B, outputs]</c>.</summary>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var phase = nn.functional.linear(input, _weight) * (2 * Math.PI);
        return cat([phase.cos(), phase.sin()], -1).MoveToOuterDisposeScope();
    }
}

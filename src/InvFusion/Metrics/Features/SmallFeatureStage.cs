using InvFusion.Modules;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>Convolution that halves the side, group normalisation (an image's features do not depend on its batch), ReLU.</summary>
internal sealed class SmallFeatureStage : nn.Module<Tensor, Tensor>
{
    private const int Groups = 8;

    [ComponentName(Name = "conv")]
    private readonly Conv2d _conv;

    // Not TorchSharp's GroupNorm: version 0.107 leaves its weights uninitialised.
    [ComponentName(Name = "norm_weight")]
    private readonly Parameter _weight;

    [ComponentName(Name = "norm_bias")]
    private readonly Parameter _bias;

    /// <summary>Creates the stage; a kernel of 3 or 4, padded by 1, with step 2 halves an even side.</summary>
    public SmallFeatureStage(int inputs, int outputs, int kernel)
        : base(nameof(SmallFeatureStage))
    {
        _conv = nn.Conv2d(inputs, outputs, kernel, stride: 2, padding: 1, bias: false);
        _weight = Parameters.Create(ones(outputs));
        _bias = Parameters.Create(0, outputs);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        return nn.functional.group_norm(_conv.call(input), Groups, _weight, _bias).relu().MoveToOuterDisposeScope();
    }
}

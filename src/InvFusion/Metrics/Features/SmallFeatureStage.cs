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

    [ComponentName(Name = "norm")]
    private readonly Autoencoding.GroupNorm _norm;

    /// <summary>Creates the stage; a kernel of 3 or 4, padded by 1, with step 2 halves an even side.</summary>
    public SmallFeatureStage(int inputs, int outputs, int kernel)
        : base(nameof(SmallFeatureStage))
    {
        _conv = nn.Conv2d(inputs, outputs, kernel, stride: 2, padding: 1, bias: false);
        _norm = new(Groups, outputs);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        return _norm.call(_conv.call(input)).relu().MoveToOuterDisposeScope();
    }
}

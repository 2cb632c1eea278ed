using InvFusion.Ops;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>RMSNorm with a learned scale per channel.</summary>
public sealed class RmsNormLayer : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "scale")]
    private readonly Parameter _scale;

    /// <summary>Creates the layer with scale 1.</summary>
    public RmsNormLayer(long width)
        : base(nameof(RmsNormLayer))
    {
        _scale = Parameters.Create(ones(width));
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) => RmsNorm.Apply(input, _scale, input.dtype);
}

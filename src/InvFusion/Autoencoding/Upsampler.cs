using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Autoencoding;

/// <summary>Doubles the sides: every pixel four times, then a 3×3 convolution.</summary>
public sealed class Upsampler : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "conv")]
    private readonly Convolution _conv;

    /// <summary>Creates the layer.</summary>
    public Upsampler(int width)
        : base(nameof(Upsampler))
    {
        _conv = new(width, width);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var doubled = nn.functional.interpolate(input, scale_factor: [2, 2], mode: InterpolationMode.Nearest);
        return _conv.call(doubled);
    }
}

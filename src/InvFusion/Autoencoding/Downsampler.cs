using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Autoencoding;

/// <summary>Halves the sides: zeros to the right and below, then a 3×3 convolution at every second pixel.</summary>
public sealed class Downsampler : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "conv")]
    private readonly Convolution _conv;

    /// <summary>Creates the layer.</summary>
    public Downsampler(int width)
        : base(nameof(Downsampler))
    {
        _conv = new(width, width, stride: 2);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var padded = nn.functional.pad(input, [0, 1, 0, 1]);
        return _conv.call(padded);
    }
}

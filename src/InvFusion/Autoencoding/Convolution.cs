using InvFusion.Modules;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Autoencoding;

/// <summary>A convolution with bias that keeps the size: <c>[B, inputs, H, W]</c> → <c>[B, outputs, H, W]</c>.</summary>
/// <remarks>Unlike TorchSharp's own layer it can be made without drawing its random numbers, which takes seconds for 84 million of them.</remarks>
public sealed class Convolution : nn.Module<Tensor, Tensor>
{
    private readonly long _stride;
    private readonly long _padding;

    [ComponentName(Name = "weight")]
    private readonly Parameter _weight;

    [ComponentName(Name = "bias")]
    private readonly Parameter _bias;

    /// <summary>Creates the layer, uniform in ±1/√(inputs·kernel²) (PyTorch's default).</summary>
    /// <param name="inputs">Channels of the input.</param>
    /// <param name="outputs">Channels of the output.</param>
    /// <param name="kernel">Side of the kernel, odd.</param>
    /// <param name="stride">Every how many pixels; with more than 1 the input is not padded.</param>
    public Convolution(long inputs, long outputs, int kernel = 3, int stride = 1)
        : base(nameof(Convolution))
    {
        var bound = 1 / Math.Sqrt(inputs * kernel * kernel);
        (_stride, _padding) = (stride, stride == 1 ? kernel / 2 : 0);
        _weight = Parameters.Create(bound, outputs, inputs, kernel, kernel);
        _bias = Parameters.Create(bound, outputs);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) =>
        nn.functional.conv2d(input, _weight, _bias, strides: [_stride, _stride], padding: [_padding, _padding]);
}

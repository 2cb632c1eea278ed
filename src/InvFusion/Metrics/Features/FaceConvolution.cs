using InvFusion.Modules;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>Convolution with bias, then a scale and a shift for each channel: what batch normalisation became after training.</summary>
internal sealed class FaceConvolution : nn.Module<Tensor, Tensor>
{
    private readonly int _stride;
    private readonly int _padding;

    [ComponentName(Name = "filters")]
    private readonly Parameter _filters; // [k, k, inputs, outputs], as the published file has them

    [ComponentName(Name = "bias")]
    private readonly Parameter _bias;

    [ComponentName(Name = "scale")]
    private readonly Parameter _scale;

    [ComponentName(Name = "shift")]
    private readonly Parameter _shift;

    /// <summary>Creates the layer; its weights are to be loaded.</summary>
    /// <param name="inputs">Channels in.</param>
    /// <param name="outputs">Channels out.</param>
    /// <param name="kernel">Side of the kernel.</param>
    /// <param name="stride">With 1 zeros keep the size of the map; with 2 there is no padding (dlib's <c>con_</c>).</param>
    public FaceConvolution(int inputs, int outputs, int kernel, int stride)
        : base(nameof(FaceConvolution))
    {
        (_stride, _padding) = (stride, stride == 1 ? kernel / 2 : 0);
        _filters = Parameters.Create(0, kernel, kernel, inputs, outputs);
        _bias = Parameters.Create(0, outputs);
        _scale = Parameters.Create(0, outputs);
        _shift = Parameters.Create(0, outputs);
        RegisterComponents();
    }

    /// <summary>Maps <c>[B, inputs, h, w]</c> → <c>[B, outputs, h', w']</c>.</summary>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var kernel = _filters.permute(3, 2, 0, 1).contiguous(); // [outputs, inputs, k, k]
        var x = nn.functional.conv2d(input, kernel, _bias, [_stride, _stride], [_padding, _padding]);
        return (x * _scale.view(-1, 1, 1) + _shift.view(-1, 1, 1)).MoveToOuterDisposeScope();
    }
}

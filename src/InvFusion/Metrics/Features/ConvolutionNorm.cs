using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>Convolution without bias, batch normalisation by stored statistics (ε = 10⁻³, as in the TensorFlow graph), ReLU.</summary>
internal sealed class ConvolutionNorm : nn.Module<Tensor, Tensor>
{
    private const double Epsilon = 1e-3;

    [ComponentName(Name = "conv")]
    private readonly Conv2d _convolution;

    [ComponentName(Name = "bn")]
    private readonly BatchNorm2d _norm;

    /// <summary>Creates the layer; its weights are to be loaded.</summary>
    public ConvolutionNorm(InceptionLayer shape)
        : base(nameof(ConvolutionNorm))
    {
        _convolution = nn.Conv2d(
            shape.Inputs,
            shape.Outputs,
            (shape.Height, shape.Width),
            (shape.Stride, shape.Stride),
            (shape.PaddingHeight, shape.PaddingWidth),
            bias: false
        );
        _norm = nn.BatchNorm2d(shape.Outputs, Epsilon);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        using var convolved = _convolution.call(input);
        using var normed = _norm.call(convolved);
        return nn.functional.relu(normed);
    }
}

using TorchSharp.Utils;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace InvFusion.Autoencoding;

/// <summary>x + conv(silu(norm(conv(silu(norm(x)))))), with a 1×1 convolution of x where the channels change.</summary>
public sealed class ResidualBlock : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "norm1")]
    private readonly GroupNorm _norm1;

    [ComponentName(Name = "conv1")]
    private readonly Convolution _conv1;

    [ComponentName(Name = "norm2")]
    private readonly GroupNorm _norm2;

    [ComponentName(Name = "conv2")]
    private readonly Convolution _conv2;

    [ComponentName(Name = "conv_shortcut")]
    private readonly Convolution? _convShortcut;

    /// <summary>Creates the block.</summary>
    public ResidualBlock(int inputs, int outputs, int groups)
        : base(nameof(ResidualBlock))
    {
        _norm1 = new(groups, inputs);
        _conv1 = new(inputs, outputs);
        _norm2 = new(groups, outputs);
        _conv2 = new(outputs, outputs);
        if (inputs != outputs)
            _convShortcut = new(inputs, outputs, kernel: 1);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var inner = _conv1.call(silu(_norm1.call(input)));
        var change = _conv2.call(silu(_norm2.call(inner)));
        return ((_convShortcut?.call(input) ?? input) + change).MoveToOuterDisposeScope();
    }
}

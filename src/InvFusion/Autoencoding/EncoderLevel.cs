using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Autoencoding;

/// <summary>Residual blocks of one resolution, then the way to the next coarser one.</summary>
public sealed class EncoderLevel : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "resnets")]
    private readonly ModuleList<ResidualBlock> _resnets;

    [ComponentName(Name = "downsamplers")]
    private readonly ModuleList<Downsampler>? _downsamplers;

    /// <summary>Creates the level; the last one stays at its resolution.</summary>
    public EncoderLevel(int inputs, int outputs, int blocks, int groups, bool last)
        : base(nameof(EncoderLevel))
    {
        _resnets = new([.. Enumerable.Range(0, blocks).Select(i => new ResidualBlock(i == 0 ? inputs : outputs, outputs, groups))]);
        if (!last)
            _downsamplers = new(new Downsampler(outputs));
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var x = _resnets.Aggregate(input, (x, block) => block.call(x));
        return (_downsamplers?[0].call(x) ?? x).MoveToOuterDisposeScope();
    }
}

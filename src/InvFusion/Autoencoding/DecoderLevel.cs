using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Autoencoding;

/// <summary>Residual blocks of one resolution, then the way to the next finer one.</summary>
public sealed class DecoderLevel : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "resnets")]
    private readonly ModuleList<ResidualBlock> _resnets;

    [ComponentName(Name = "upsamplers")]
    private readonly ModuleList<Upsampler>? _upsamplers;

    /// <summary>Creates the level; the last one stays at its resolution.</summary>
    public DecoderLevel(int inputs, int outputs, int blocks, int groups, bool last)
        : base(nameof(DecoderLevel))
    {
        _resnets = new([.. Enumerable.Range(0, blocks).Select(i => new ResidualBlock(i == 0 ? inputs : outputs, outputs, groups))]);
        if (!last)
            _upsamplers = new(new Upsampler(outputs));
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var x = _resnets.Aggregate(input, (x, block) => block.call(x));
        return (_upsamplers?[0].call(x) ?? x).MoveToOuterDisposeScope();
    }
}

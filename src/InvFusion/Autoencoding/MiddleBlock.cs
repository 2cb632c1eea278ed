using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Autoencoding;

/// <summary>The coarsest part of encoder and decoder: residual block, attention, residual block.</summary>
public sealed class MiddleBlock : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "resnets")]
    private readonly ModuleList<ResidualBlock> _resnets;

    [ComponentName(Name = "attentions")]
    private readonly ModuleList<AttentionBlock> _attentions;

    /// <summary>Creates the block.</summary>
    public MiddleBlock(int width, int groups)
        : base(nameof(MiddleBlock))
    {
        _resnets = new(new ResidualBlock(width, width, groups), new ResidualBlock(width, width, groups));
        _attentions = new(new AttentionBlock(width, groups));
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        return _resnets[1].call(_attentions[0].call(_resnets[0].call(input))).MoveToOuterDisposeScope();
    }
}

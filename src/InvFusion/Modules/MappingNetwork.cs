using InvFusion.Ops;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>RMSNorm → blocks of x + down(GEGLU(up(RMSNorm x))) → RMSNorm: embeddings <c>[B, c]</c> → conditioning vector <c>[B, c]</c>.</summary>
public sealed class MappingNetwork : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "in_norm")]
    private readonly RmsNormLayer _inNorm;

    [ComponentName(Name = "blocks")]
    private readonly ModuleList<MappingBlock> _blocks;

    [ComponentName(Name = "out_norm")]
    private readonly RmsNormLayer _outNorm;

    /// <summary>Creates the network.</summary>
    public MappingNetwork(int depth, long width, long hiddenWidth, double dropout)
        : base(nameof(MappingNetwork))
    {
        _inNorm = new(width);
        _blocks = new([.. Enumerable.Range(0, depth).Select(_ => new MappingBlock(width, hiddenWidth, dropout))]);
        _outNorm = new(width);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var x = _inNorm.call(input);
        foreach (var block in _blocks)
            x = block.call(x);
        return _outNorm.call(x).MoveToOuterDisposeScope();
    }
}

/// <summary>One residual block of the <see cref="MappingNetwork"/>.</summary>
public sealed class MappingBlock : nn.Module<Tensor, Tensor>
{
    private readonly double _dropout;

    [ComponentName(Name = "norm")]
    private readonly RmsNormLayer _norm;

    [ComponentName(Name = "up_proj")]
    private readonly Linear _upProj;

    [ComponentName(Name = "down_proj")]
    private readonly Linear _downProj;

    /// <summary>Creates the block.</summary>
    public MappingBlock(long width, long hiddenWidth, double dropout)
        : base(nameof(MappingBlock))
    {
        _dropout = dropout;
        _norm = new(width);
        _upProj = new(width, 2 * hiddenWidth);
        _downProj = new(hiddenWidth, width, zero: true);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var hidden = Geglu.Apply(_upProj.call(_norm.call(input)));
        hidden = nn.functional.dropout(hidden, _dropout, training);
        return (input + _downProj.call(hidden)).MoveToOuterDisposeScope();
    }
}

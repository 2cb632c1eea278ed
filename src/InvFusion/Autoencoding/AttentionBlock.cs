using InvFusion.Ops;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Autoencoding;

/// <summary>x + attention of every position to every other, with one head as wide as the channels. <c>[B, C, H, W]</c> → the same.</summary>
public sealed class AttentionBlock : nn.Module<Tensor, Tensor>
{
    private readonly double _scale;

    [ComponentName(Name = "group_norm")]
    private readonly GroupNorm _groupNorm;

    [ComponentName(Name = "query")]
    private readonly Modules.Linear _query;

    [ComponentName(Name = "key")]
    private readonly Modules.Linear _key;

    [ComponentName(Name = "value")]
    private readonly Modules.Linear _value;

    [ComponentName(Name = "proj_attn")]
    private readonly Modules.Linear _projAttn;

    /// <summary>Creates the block.</summary>
    public AttentionBlock(int width, int groups)
        : base(nameof(AttentionBlock))
    {
        _scale = 1 / Math.Sqrt(width);
        _groupNorm = new(groups, width);
        _query = new(width, width, bias: true);
        _key = new(width, width, bias: true);
        _value = new(width, width, bias: true);
        _projAttn = new(width, width, bias: true);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var tokens = _groupNorm.call(input).flatten(2).transpose(1, 2).unsqueeze(1); // [B, 1, HW, C]
        var attended = GlobalAttention.Apply(_query.call(tokens) * _scale, _key.call(tokens), _value.call(tokens));
        var change = _projAttn.call(attended).squeeze(1).transpose(1, 2).reshape(input.shape); // [B, C, H, W]
        return (input + change).MoveToOuterDisposeScope();
    }
}

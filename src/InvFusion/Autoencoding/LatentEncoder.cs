using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace InvFusion.Autoencoding;

/// <summary>Pictures <c>[B, C, H, W]</c> → <c>[B, 2·latent, H/f, W/f]</c>, what mean and logarithmic variance are made of.</summary>
public sealed class LatentEncoder : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "conv_in")]
    private readonly Convolution _convIn;

    [ComponentName(Name = "down_blocks")]
    private readonly ModuleList<EncoderLevel> _downBlocks;

    [ComponentName(Name = "mid_block")]
    private readonly MiddleBlock _midBlock;

    [ComponentName(Name = "conv_norm_out")]
    private readonly GroupNorm _convNormOut;

    [ComponentName(Name = "conv_out")]
    private readonly Convolution _convOut;

    /// <summary>Builds the network of a valid configuration.</summary>
    public LatentEncoder(AutoencoderConfiguration c)
        : base(nameof(LatentEncoder))
    {
        var (widths, last) = (c.Widths, c.Widths.Count - 1);
        _convIn = new(c.Channels, widths[0]);
        _downBlocks = new([
            .. widths.Select((width, i) => new EncoderLevel(widths[Math.Max(i - 1, 0)], width, c.Blocks, c.Groups, last: i == last)),
        ]);
        _midBlock = new(widths[last], c.Groups);
        _convNormOut = new(c.Groups, widths[last]);
        _convOut = new(widths[last], 2 * c.LatentChannels);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var x = _downBlocks.Aggregate(_convIn.call(input), (x, level) => level.call(x));
        return _convOut.call(silu(_convNormOut.call(_midBlock.call(x)))).MoveToOuterDisposeScope();
    }
}

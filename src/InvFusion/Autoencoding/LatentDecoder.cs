using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace InvFusion.Autoencoding;

/// <summary>Latents <c>[B, latent, h, w]</c> → pictures <c>[B, C, f·h, f·w]</c>. Its levels count from the coarsest.</summary>
public sealed class LatentDecoder : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "conv_in")]
    private readonly Convolution _convIn;

    [ComponentName(Name = "mid_block")]
    private readonly MiddleBlock _midBlock;

    [ComponentName(Name = "up_blocks")]
    private readonly ModuleList<DecoderLevel> _upBlocks;

    [ComponentName(Name = "conv_norm_out")]
    private readonly GroupNorm _convNormOut;

    [ComponentName(Name = "conv_out")]
    private readonly Convolution _convOut;

    /// <summary>Builds the network of a valid configuration.</summary>
    public LatentDecoder(AutoencoderConfiguration c)
        : base(nameof(LatentDecoder))
    {
        int[] widths = [.. c.Widths.Reverse()];
        var last = widths.Length - 1;
        _convIn = new(c.LatentChannels, widths[0]);
        _midBlock = new(widths[0], c.Groups);
        _upBlocks = new([
            .. widths.Select((width, i) => new DecoderLevel(widths[Math.Max(i - 1, 0)], width, c.Blocks + 1, c.Groups, last: i == last)),
        ]);
        _convNormOut = new(c.Groups, widths[last]);
        _convOut = new(widths[last], c.Channels);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var x = _upBlocks.Aggregate(_midBlock.call(_convIn.call(input)), (x, level) => level.call(x));
        return _convOut.call(silu(_convNormOut.call(x))).MoveToOuterDisposeScope();
    }
}

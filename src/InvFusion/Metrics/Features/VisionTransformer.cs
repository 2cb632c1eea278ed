using InvFusion.Modules;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>DINOv2 (Oquab et al., 2023): a vision transformer on patches of 14×14, under the published state-dict names.</summary>
internal sealed class VisionTransformer : nn.Module<Tensor, Tensor>
{
    /// <summary>Side of the input.</summary>
    public const int Side = 224;

    private const int Patch = 14;
    private const int StoredGrid = 37; // the grid of positions that was trained: 518/14
    private const int Grid = Side / Patch;

    // The published code resizes the positions by (16 + 0.1)/37, not by 16/37: the step between samples is 37/16.1.
    private const double GridOffset = 0.1;

    private readonly VisionTransformerBlock[] _blocks;

    [ComponentName(Name = "cls_token")]
    private readonly Parameter _classToken;

    [ComponentName(Name = "pos_embed")]
    private readonly Parameter _positions;

    [ComponentName(Name = "mask_token")]
    private readonly Parameter _maskToken; // of training; no use here, but part of the files

    [ComponentName(Name = "norm")]
    private readonly LayerNorm _norm;

    [ComponentName(Name = "patch_embed")]
    private readonly PatchEmbedding _patches;

    /// <summary>Creates the network in evaluation mode; its weights are to be loaded.</summary>
    public VisionTransformer(VisionTransformerShape shape)
        : base(nameof(VisionTransformer))
    {
        _classToken = Parameters.Create(0, 1, 1, shape.Width);
        _positions = Parameters.Create(0, 1, 1 + StoredGrid * StoredGrid, shape.Width);
        _maskToken = Parameters.Create(0, 1, shape.Width);
        _patches = new(shape.Width);
        _norm = nn.LayerNorm(shape.Width, 1e-6);
        _blocks = [.. Enumerable.Range(0, shape.Depth).Select(_ => new VisionTransformerBlock(shape))];
        RegisterComponents();
        var blocks = new ModuleList<VisionTransformerBlock>(_blocks);
        register_module("blocks", blocks);
        Width = shape.Width;
        eval();
    }

    /// <summary>D, the width of the features.</summary>
    public int Width { get; }

    /// <summary>Normalised images <c>[B, 3, 224, 224]</c> → the class token behind the last norm, <c>[B, D]</c>.</summary>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        return Forward(input, null)[.., 0].contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>All tokens <c>[B, 1 + L, D]</c> behind the last norm; the observer is shown the tokens before each block and behind the last.</summary>
    public Tensor Forward(Tensor input, Action<int, Tensor>? observer)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var patches = _patches.call(input); // [B, L, D]
        var x = cat([_classToken.expand(input.shape[0], -1, -1), patches], 1) + Positions();
        foreach (var (i, block) in _blocks.Index())
        {
            observer?.Invoke(i, x);
            var next = block.call(x);
            x.Dispose();
            x = next;
        }
        observer?.Invoke(_blocks.Length, x);
        return _norm.call(x).MoveToOuterDisposeScope();
    }

    /// <summary>Positions <c>[1, 1 + L, D]</c> for the grid of the input: that of the class token as it is, the others interpolated.</summary>
    public Tensor Positions()
    {
        using var scope = NewDisposeScope();
        var weights = SeparableResize.Interpolated(StoredGrid, Grid, StoredGrid / (Grid + GridOffset), _positions.device);
        var stored = _positions.narrow(1, 1, StoredGrid * StoredGrid).view(StoredGrid, StoredGrid, -1).permute(2, 0, 1); // [D, 37, 37]
        var grid = SeparableResize.Apply(stored, weights, weights).flatten(1).transpose(0, 1).unsqueeze(0); // [1, L, D]
        return cat([_positions.narrow(1, 0, 1), grid], 1).MoveToOuterDisposeScope();
    }

    /// <summary>Each patch of 14×14 pixels as a token, row by row.</summary>
    private sealed class PatchEmbedding : nn.Module<Tensor, Tensor>
    {
        [ComponentName(Name = "proj")]
        private readonly Conv2d _projection;

        public PatchEmbedding(int width)
            : base(nameof(PatchEmbedding))
        {
            _projection = nn.Conv2d(3, width, (Patch, Patch), (Patch, Patch));
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            using var maps = _projection.call(input); // [B, D, 16, 16]
            using var tokens = maps.flatten(2);
            return tokens.transpose(1, 2);
        }
    }
}

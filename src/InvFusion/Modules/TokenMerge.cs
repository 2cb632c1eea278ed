using InvFusion.Ops;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>Folds p×p tokens (or pixels) into one, then a linear map without bias: <c>[B, h·p, w·p, c]</c> → <c>[B, h, w, d]</c>.</summary>
public sealed class TokenMerge : nn.Module<Tensor, Tensor>
{
    private readonly int _patch;

    [ComponentName(Name = "proj")]
    private readonly Linear _proj;

    /// <summary>Creates the layer.</summary>
    public TokenMerge(int inputs, int outputs, int patch)
        : base(nameof(TokenMerge))
    {
        _patch = patch;
        _proj = new((long)inputs * patch * patch, outputs);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var folded = TokenLayout.Merge(input, _patch);
        return _proj.call(folded);
    }
}

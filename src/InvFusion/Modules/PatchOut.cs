using InvFusion.Ops;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>A zero-initialised linear map without bias from a token to its p×p pixels: <c>[B, h, w, d]</c> → <c>[B, h·p, w·p, c]</c>.</summary>
public sealed class PatchOut : nn.Module<Tensor, Tensor>
{
    private readonly int _patch;

    [ComponentName(Name = "proj")]
    private readonly Linear _proj;

    /// <summary>Creates the layer.</summary>
    public PatchOut(int inputs, int outputs, int patch)
        : base(nameof(PatchOut))
    {
        _patch = patch;
        _proj = new(inputs, (long)outputs * patch * patch, zero: true);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var pixels = _proj.call(input);
        return TokenLayout.Split(pixels, _patch);
    }
}

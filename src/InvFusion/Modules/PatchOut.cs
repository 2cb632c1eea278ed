using InvFusion.Ops;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>A linear map without bias from a token to its p×p pixels, <c>[B, h, w, d]</c> → <c>[B, h·p, w·p, c]</c>; it starts at zero but for directions.</summary>
public sealed class PatchOut : nn.Module<Tensor, Tensor>
{
    // A direction of zeros has no gradient: its unit vector is 0/0. The first ones are short beside the error that they shall explain.
    private const double FirstDirections = 0.1;

    private readonly int _patch;

    [ComponentName(Name = "proj")]
    private readonly Linear _proj;

    /// <summary>Creates the layer.</summary>
    /// <param name="inputs">Width of a token.</param>
    /// <param name="channels">Channels of the image, which starts at zero.</param>
    /// <param name="directions">Directions that follow it, of as many channels each.</param>
    /// <param name="patch">Pixels along a token.</param>
    public PatchOut(int inputs, int channels, int directions, int patch)
        : base(nameof(PatchOut))
    {
        _patch = patch;
        _proj = new(inputs, (long)channels * (1 + directions) * patch * patch, zero: directions == 0);
        if (directions > 0)
        {
            using var noGrad = no_grad();
            using var scope = NewDisposeScope(); // what works in place returns a handle too
            _proj.Weight.mul_(FirstDirections);
            ImageRows(_proj.Weight, channels, patch).zero_();
        }
        RegisterComponents();
    }

    /// <summary>The rows of weights <c>[p²·(1+K)·C, d]</c> that make the image: a view, <c>[p², C, d]</c>.</summary>
    internal static Tensor ImageRows(Tensor weight, int channels, int patch)
    {
        using var pixels = weight.view(patch * patch, -1, weight.shape[1]);
        return pixels.narrow(1, 0, channels);
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var pixels = _proj.call(input);
        return TokenLayout.Split(pixels, _patch);
    }
}

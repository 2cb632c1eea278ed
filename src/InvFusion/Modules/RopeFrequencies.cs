using InvFusion.Ops;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>Holds the frequencies of <see cref="AxialRope"/> as a buffer, as checkpoints have them.</summary>
public sealed class RopeFrequencies : nn.Module
{
    [ComponentName(Name = "freqs")]
    private readonly Tensor _freqs;

    /// <summary>Creates the buffer <c>[heads, e/8]</c>.</summary>
    public RopeFrequencies(int heads, int headWidth)
        : base(nameof(RopeFrequencies))
    {
        _freqs = Parameters.Buffer(AxialRope.Frequencies(heads, headWidth));
        RegisterComponents();
    }

    /// <summary><c>[heads, e/8]</c>.</summary>
    public Tensor Frequencies => _freqs;
}

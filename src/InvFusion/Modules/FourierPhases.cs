using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>√2 · cos(v · freqs + phases) with fixed random frequencies and phases (EDM2's magnitude-preserving Fourier features).</summary>
public sealed class FourierPhases : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "freqs")]
    private readonly Tensor _freqs;

    [ComponentName(Name = "phases")]
    private readonly Tensor _phases;

    /// <summary>Creates the layer with freqs = 2π·randn and phases = 2π·rand.</summary>
    public FourierPhases(long channels)
        : base(nameof(FourierPhases))
    {
        using Tensor normals = randn(channels),
            uniforms = rand(channels);
        _freqs = Parameters.Buffer(normals * (2 * Math.PI));
        _phases = Parameters.Buffer(uniforms * (2 * Math.PI));
        RegisterComponents();
    }

    /// <summary><c>[B]</c> → <c>[B, channels]</c>.</summary>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        return ((input.unsqueeze(-1) * _freqs + _phases).cos() * Math.Sqrt(2)).MoveToOuterDisposeScope();
    }
}

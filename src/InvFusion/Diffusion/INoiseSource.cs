using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>Where a sampler takes its random numbers from: the initial noise is the first draw, later ones follow in order.</summary>
public interface INoiseSource
{
    /// <summary>B, the number of samples.</summary>
    int BatchSize { get; }

    /// <summary>How messages call a sample, for example <c>sample 3 (seed 17)</c>.</summary>
    string NameOf(int sample);

    /// <summary>Standard normals <c>[B, …shape]</c>, float32, as a fresh tensor that the caller owns.</summary>
    /// <param name="shape">Shape of one sample's draw.</param>
    Tensor Normal(params ReadOnlySpan<long> shape);
}

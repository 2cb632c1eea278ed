using InvFusion.Diffusion;
using static TorchSharp.torch;

namespace InvFusion.Tests.Diffusion;

/// <summary>The exact denoiser of a Gaussian N(m, C): D(x, σ) = m + C (C + σ² I)⁻¹ (x - m), through the eigenvectors of C.</summary>
internal sealed class GaussianDenoiser : IDenoiser
{
    private readonly Tensor _mean; // [n]
    private readonly Tensor _vectors; // [n, n], columns
    private readonly Tensor _values; // [n]

    public GaussianDenoiser(Tensor mean, Tensor covariance)
    {
        var (values, vectors) = linalg.eigh(covariance);
        (_mean, _values, _vectors) = (mean, values.clamp_min(0), vectors);
    }

    public int Evaluations { get; private set; }

    public Tensor Denoise(Tensor x, Tensor sigma)
    {
        using var scope = NewDisposeScope();
        Evaluations++;
        var centred = x.flatten(1).to(float64) - _mean;
        var gain = _values / (_values + sigma.to(float64).square().reshape(-1, 1)); // [1 or B, n]
        var denoised = _mean + (centred.mm(_vectors) * gain).mm(_vectors.t());
        return denoised.to(float32).reshape(x.shape).MoveToOuterDisposeScope();
    }
}

using InvFusion.Diffusion;
using static TorchSharp.torch;

namespace InvFusion.Tests.Diffusion;

/// <summary>The exact denoiser of a Gaussian N(m, C): D(x, σ) = m + C (C + σ² I)⁻¹ (x - m), through the eigenvectors of C.</summary>
internal sealed class GaussianDenoiser : IDirectionDenoiser
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

    public int Directions => 2;

    public Tensor DenoiseWithDirections(Tensor x, Tensor sigma)
    {
        using var scope = NewDisposeScope();
        var top = (_vectors * _values.sqrt()).t().flip(0).narrow(0, 0, Directions).to(float32);
        long[] shape = [x.shape[0], Directions * x.shape[1], x.shape[2], x.shape[3]];
        return cat([Denoise(x, sigma), top.reshape([1, .. shape[1..]]).expand(shape)], 1).MoveToOuterDisposeScope();
    }

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

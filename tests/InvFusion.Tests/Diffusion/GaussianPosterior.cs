using static TorchSharp.torch;

namespace InvFusion.Tests.Diffusion;

/// <summary>A Gaussian prior N(μ, Σ), a linear measurement y = H x + σ_y n, and the posterior N(m, C) in closed form.</summary>
internal sealed class GaussianPosterior
{
    /// <summary>Numbers of an image.</summary>
    public const int Length = 6;

    public GaussianPosterior(double sigmaY)
    {
        var generator = new Generator(11);
        var mu = randn([Length], float64, generator: generator) * 0.3;
        var root = randn([Length, Length], float64, generator: generator) * 0.4;
        var sigma = root.mm(root.t()) + 0.05 * eye(Length, dtype: float64);
        var h = randn([3, Length], float64, generator: generator);
        var y = randn([3], float64, generator: generator);
        // m = μ + Σ Hᵀ (H Σ Hᵀ + σ_y² I)⁻¹ (y - H μ),  C = Σ - Σ Hᵀ (…)⁻¹ H Σ
        var inner = h.mm(sigma).mm(h.t()) + sigmaY * sigmaY * eye(3, dtype: float64);
        var gain = sigma.mm(h.t()).mm(linalg.inv(inner));
        Mean = mu + gain.mv(y - h.mv(mu));
        Covariance = sigma - gain.mm(h).mm(sigma);
    }

    public Tensor Mean { get; }

    public Tensor Covariance { get; }
}

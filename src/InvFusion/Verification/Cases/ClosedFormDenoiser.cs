using InvFusion.Diffusion;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>The denoiser of the sampler cases, D = (x s² + μ σ²) / (s² + σ²), exact for images N(μ, s²). It keeps what it was given.</summary>
internal sealed class ClosedFormDenoiser(Tensor mean, double spread) : IDenoiser
{
    /// <summary>x of every evaluation, in order.</summary>
    public List<Tensor> Inputs { get; } = [];

    /// <summary>σ of every evaluation, in order.</summary>
    public List<float> Sigmas { get; } = [];

    public Tensor Denoise(Tensor x, Tensor sigma)
    {
        Inputs.Add(x.clone().DetachFromDisposeScope()); // lives until the case's end
        Sigmas.Add(sigma[0].item<float>());
        using var scope = NewDisposeScope();
        var (prior, noise) = (spread * spread, sigma.square().reshape(-1, 1, 1, 1));
        return ((x * prior + mean * noise) / (prior + noise)).MoveToOuterDisposeScope();
    }
}

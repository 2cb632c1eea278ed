using InvFusion.Diffusion;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>The denoiser of the sampler cases, D = (x s² + μ σ²) / (s² + σ²), exact for images N(μ, s²). It keeps what it was given.</summary>
internal sealed class ClosedFormDenoiser(Tensor mean, double spread) : IDirectionDenoiser
{
    /// <summary>x of every evaluation, in order.</summary>
    public List<Tensor> Inputs { get; } = [];

    /// <summary>σ of every evaluation, in order.</summary>
    public List<float> Sigmas { get; } = [];

    /// <summary>What is appended to D, whatever x, <c>[B, K·C, H, W]</c>; null where the case has none.</summary>
    public Tensor? RawDirections { get; init; }

    public int Directions => RawDirections is { } raw ? (int)(raw.shape[1] / mean.shape[1]) : 0;

    public Tensor DenoiseWithDirections(Tensor x, Tensor sigma)
    {
        using var scope = NewDisposeScope();
        return cat([Denoise(x, sigma), RawDirections!], 1).MoveToOuterDisposeScope();
    }

    public Tensor Denoise(Tensor x, Tensor sigma)
    {
        Inputs.Add(x.detach().clone().DetachFromDisposeScope()); // lives until the case's end
        Sigmas.Add(sigma[0].item<float>());
        using var scope = NewDisposeScope();
        var (prior, noise) = (spread * spread, sigma.square().reshape(-1, 1, 1, 1));
        return ((x * prior + mean * noise) / (prior + noise)).MoveToOuterDisposeScope();
    }
}

using InvFusion.Degradations;

namespace InvFusion.Diffusion;

/// <summary>What a sampler is asked for, apart from the denoiser.</summary>
public sealed record SamplingRequest
{
    /// <summary>Shape of one image.</summary>
    public required ImageShape Image { get; init; }

    /// <summary>The samples' random numbers; it also says how many samples there are.</summary>
    public required INoiseSource Noise { get; init; }

    /// <summary>
    /// H, y and σ_y for samplers that meet the measurements outside the denoiser (the zero-shot ones); a conditional denoiser carries its own.
    /// </summary>
    public InverseProblem? Problem { get; init; }
}

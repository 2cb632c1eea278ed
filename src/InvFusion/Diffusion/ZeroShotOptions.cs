namespace InvFusion.Diffusion;

/// <summary>Settings of the samplers that meet H and y outside an unconditional denoiser. Each has its own defaults; it ignores none that its table line names.</summary>
public sealed record ZeroShotOptions : StepOptions
{
    /// <summary>η: the share of fresh noise in a step; 0 is deterministic, 1 forgets the noise of before.</summary>
    public double Eta { get; init; } = 1;

    /// <summary>How far a gradient step goes: ζ of dps; of daps, the Langevin step as a part of the largest stable one.</summary>
    public double StepSize { get; init; } = 0.5;

    /// <summary>Langevin steps of daps at each noise level; 0 draws from the same Gaussian exactly.</summary>
    public int LangevinSteps { get; init; } = 100;

    /// <summary>The method as its paper has it, or as the public implementation of InvFusion does.</summary>
    public SamplerVariant Variant { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        if (!(Eta >= 0 && Eta <= 1))
            throw new ConfigurationException($"eta is {Eta}: it must be 0 to 1");
        if (!(StepSize > 0 && double.IsFinite(StepSize)))
            throw new ConfigurationException($"step-size is {StepSize}: it must be positive");
        if (LangevinSteps < 0)
            throw new ConfigurationException($"langevin-steps is {LangevinSteps}: it must be 0 or more");
        if (!Enum.IsDefined(Variant))
            throw new ConfigurationException($"variant is {Variant}: it must be paper or reference");
    }
}

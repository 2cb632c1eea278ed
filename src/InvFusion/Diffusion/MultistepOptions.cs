namespace InvFusion.Diffusion;

/// <summary>Settings of the samplers that use what earlier steps found, and evaluate the denoiser once in a step. Each has its own defaults.</summary>
public sealed record MultistepOptions : StepOptions
{
    /// <summary>The highest order of a step of ipndm (1 to 4) and unipc (1 to 3); the first steps, which have fewer before them, are of lower order.</summary>
    public int Order { get; init; } = 2;

    /// <summary>η of dpmpp-2m-sde: how much fresh noise a step draws; 0 draws none, 1 is the reverse-time SDE.</summary>
    public double Eta { get; init; } = 1;

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        if (Order < 1)
            throw new ConfigurationException($"order is {Order}: it must be at least 1");
        if (!(Eta >= 0 && double.IsFinite(Eta)))
            throw new ConfigurationException($"eta is {Eta}: it must be 0 or more");
        if (Churn > 0) // would change the noise level under what the earlier steps found
            throw new ConfigurationException($"churn is {Churn}: a multistep method takes none; leave it out, or use edm or dpmpp-2m-sde");
    }
}

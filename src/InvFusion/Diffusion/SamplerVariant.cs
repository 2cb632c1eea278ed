namespace InvFusion.Diffusion;

/// <summary>Which form of a zero-shot method is run, where the public implementation departs from the paper that it cites.</summary>
public enum SamplerVariant
{
    /// <summary>The paper's method, per sample, with the exact pseudo-inverse; each sampler's remarks say where its formula is not the paper's to the letter.</summary>
    Paper,

    /// <summary>The public implementation's form, for replaying its results.</summary>
    Reference,
}

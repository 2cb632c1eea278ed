namespace InvFusion.Diffusion;

/// <summary>Which form of a zero-shot method is run, where the public implementation departs from the paper that it cites.</summary>
public enum SamplerVariant
{
    /// <summary>The paper's form, per sample, with the exact pseudo-inverse.</summary>
    Paper,

    /// <summary>The public implementation's form, for replaying its results.</summary>
    Reference,
}

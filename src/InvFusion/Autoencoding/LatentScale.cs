namespace InvFusion.Autoencoding;

/// <summary>Which mean and standard deviation raw latents are taken to have.</summary>
public enum LatentScale
{
    /// <summary>EDM2's numbers, for Stable Diffusion's autoencoder: 5.81, 3.25, 0.12, -2.15 and 4.17, 4.62, 3.71, 3.28.</summary>
    Edm2,

    /// <summary>Those of the set itself, for every other autoencoder.</summary>
    Measured,
}

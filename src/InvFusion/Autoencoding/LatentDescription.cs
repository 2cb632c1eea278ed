using InvFusion.Runtime;

namespace InvFusion.Autoencoding;

/// <summary>
/// What the numbers of a latent mean: whose they are, and how they were brought to the mean 0 and the standard deviation 0.5 that networks are made for.
/// It travels with prepared sets and with networks.
/// </summary>
/// <remarks>
/// As in EDM2 (Karras et al. 2024, section 3 and appendix; NVlabs/edm2, StabilityVAEEncoder): x = (raw - mean)·0.5/std for each channel, with numbers of the raw latents of
/// pictures in [0, 1]. Stable Diffusion's own factor 0.18215 is not used.
/// </remarks>
public sealed record LatentDescription
{
    /// <summary>Standard deviation of the latents that networks see, EDM's σ_data.</summary>
    public const double FinalStd = 0.5;

    private static readonly double[] Edm2Mean = [5.81, 3.25, 0.12, -2.15];
    private static readonly double[] Edm2Std = [4.17, 4.62, 3.71, 3.28];

    /// <summary>Name of the autoencoder's file, without its path.</summary>
    public required string Autoencoder { get; init; }

    /// <summary>Its <see cref="KlAutoencoder.Fingerprint"/>.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>Mean of the raw latents, one number a channel.</summary>
    public required double[] Mean { get; init; }

    /// <summary>Their standard deviation.</summary>
    public required double[] Std { get; init; }

    /// <summary>The numbers of EDM2.</summary>
    /// <exception cref="ConfigurationException">The latents have not the 4 channels that they are for.</exception>
    public static (double[] Mean, double[] Std) Edm2(int channels) =>
        channels == Edm2Mean.Length
            ? (Edm2Mean, Edm2Std)
            : throw new ConfigurationException(
                $"the scale Edm2 is for latents of {Edm2Mean.Length} channels, these have {channels}; use Measured"
            );

    /// <summary>Whether the numbers make sense.</summary>
    internal bool IsValid =>
        Mean.Length > 0 && Mean.Length == Std.Length && Mean.All(double.IsFinite) && Std.All(s => double.IsFinite(s) && s > 0);

    /// <summary>Draws a latent as networks see it.</summary>
    /// <param name="moments"><c>[2C, h, w]</c>: means, then standard deviations of the raw latent.</param>
    /// <param name="draw">The sample's random numbers.</param>
    /// <param name="values">Receives <c>[C, h, w]</c>.</param>
    internal void Draw(ReadOnlySpan<float> moments, RandomStream draw, Span<float> values)
    {
        var area = values.Length / Mean.Length;
        draw.FillNormal(values);
        for (var i = 0; i < values.Length; i++)
        {
            var (mean, std) = (Mean[i / area], Std[i / area]);
            var raw = moments[i] + moments[values.Length + i] * (double)values[i];
            values[i] = (float)((raw - mean) * (FinalStd / std));
        }
    }
}

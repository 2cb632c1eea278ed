using InvFusion.Degradations;
using InvFusion.Diffusion;

namespace InvFusion.Restoration;

/// <summary>How an image is restored.</summary>
public sealed record RestoreOptions
{
    /// <summary>Name of the sampler, see <see cref="Samplers"/>.</summary>
    public string Method { get; init; } = MethodChoice.Sampling;

    /// <summary>The sampler's options.</summary>
    public SamplerOptions Sampler { get; init; } = new();

    /// <summary>Number of posterior samples.</summary>
    public int Samples { get; init; } = 4;

    /// <summary>The samples that are drawn: one where the method gives the mean alone, which more of them would only repeat.</summary>
    public int Drawn => Samplers.Find(Method).PointEstimate ? 1 : Samples;

    /// <summary>Seed of the first sample; sample i has seed + i and its random numbers, whatever batch it travels in.</summary>
    public ulong Seed { get; init; }

    /// <summary>Standard deviation of the measurement noise, in units of the images.</summary>
    public double SigmaY { get; init; }

    /// <summary>The class to restore, or null.</summary>
    public int? Class { get; init; }

    /// <summary>Guidance weight w of D_ref + w·(D - D_ref), where D_ref is the guiding network, or the same one, without the class; null for none.</summary>
    public double? Guidance { get; init; }

    /// <summary>The noise levels at which guidance acts; all when null.</summary>
    public SigmaInterval? GuidanceInterval { get; init; }

    /// <summary>
    /// Samples that go through the network together; null for what <see cref="BatchChoice"/> takes. In float32 a sample does not depend on it, nor on the number of threads,
    /// but for rounding: no pixel of 8 bits differs by more than 1. In bfloat16 products of another size round so differently that pixels differ by up to 6 after 4 steps.
    /// </summary>
    public int? BatchSize { get; init; }

    /// <summary>
    /// Restores a picture that is larger than the model's in tiles of the model's size, which overlap by at least this many pixels; the operator must be local
    /// (<see cref="LinearOperator.WindowStep"/>). Null gives the network the whole picture, and so does a method without a network.
    /// </summary>
    public int? TileOverlap { get; init; }

    /// <summary>Moves the samples onto the measurement in the end (<see cref="MeasurementProjection"/>); does nothing where <see cref="SigmaY"/> &gt; 0.</summary>
    public bool Project { get; init; } = true;

    /// <summary>Whether the measurement was read from a picture of 8 bits: σ_y is at least <see cref="MeasurementNoise.Rounding"/> then, for all that knows of it.</summary>
    public bool RoundedMeasurement { get; init; }

    /// <summary>
    /// The σ_y that samplers, H⁺ and the linear estimate count with: <see cref="SigmaY"/>, but not less than the rounding of a measurement of 8 bits.
    /// </summary>
    public double NoiseLevel => RoundedMeasurement ? Math.Max(SigmaY, MeasurementNoise.Rounding) : SigmaY;

    /// <summary>Whether the samples are projected: asked for, and without noise but rounding.</summary>
    public bool Projects => Project && SigmaY == 0;

    /// <summary>Checks every value.</summary>
    /// <exception cref="ConfigurationException">The message names the option.</exception>
    public void Validate()
    {
        _ = Samplers.Create(Method, Sampler);
        if (Samples is < 1 or > 4096)
            throw new ConfigurationException($"--samples {Samples}: must be 1 to 4096");
        if (BatchSize < 1)
            throw new ConfigurationException($"--batch {BatchSize}: must be at least 1");
        if (!(SigmaY >= 0 && SigmaY < 100))
            throw new ConfigurationException($"--noise {SigmaY}: must be 0 to below 100, in units of images in [-1, 1]");
        if (Guidance is { } weight && !double.IsFinite(weight))
            throw new ConfigurationException($"--cfg {weight}: must be a finite number");
        if (Guidance is not null && Samplers.Find(Method).NeedsDirections)
            throw new ConfigurationException($"--cfg: {Method} has no guidance; leave it out or use mmse or edm");
        if ((Guidance is not null || Class is not null) && !Samplers.Find(Method).NeedsNetwork)
            throw new ConfigurationException($"--{(Class is null ? "cfg" : "class")}: {Method} uses no network; leave it out");
        if (GuidanceInterval is not null && Guidance is null)
            throw new ConfigurationException("--cfg-interval: needs --cfg, the weight of the guidance");
    }
}

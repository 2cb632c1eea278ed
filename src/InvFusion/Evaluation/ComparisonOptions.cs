using InvFusion.Metrics.Scores;
using static TorchSharp.torch;

namespace InvFusion.Evaluation;

/// <summary>What all rows of a comparison share.</summary>
public sealed record ComparisonOptions
{
    /// <summary>How many images, from the first of the set on.</summary>
    public int Count { get; init; } = 100;

    /// <summary>Images that go through a network together, and share what a degradation draws for a batch.</summary>
    public int BatchSize { get; init; } = 20;

    /// <summary>Seed of operators, measurement noise and samples; image i has samples and noise of seed + i.</summary>
    public ulong Seed { get; init; }

    /// <summary>σ_y, the standard deviation of the measurement noise in units of images in [-1, 1].</summary>
    public double SigmaY { get; init; }

    /// <summary>Where the networks are; the CPU when null.</summary>
    public Device? Device { get; init; }

    /// <summary>Metrics beside PSNR, SSIM and consistency; null for none. Not owned.</summary>
    public MetricPlan? Metrics { get; init; }

    /// <summary>What there is to compute metrics of a comparison's images from.</summary>
    public MetricNeeds Given => MetricNeeds.Truth | MetricNeeds.Measurement | (SigmaY == 0 ? MetricNeeds.Projection : MetricNeeds.None);

    /// <summary>Checks every value.</summary>
    /// <exception cref="ConfigurationException">The message names the option.</exception>
    public void Validate()
    {
        if (Count < 1)
            throw new ConfigurationException($"--num {Count}: must be at least 1");
        if (BatchSize < 1)
            throw new ConfigurationException($"--batch {BatchSize}: must be at least 1");
        if (!(SigmaY >= 0 && SigmaY < 100))
            throw new ConfigurationException($"--noise {SigmaY}: must be 0 to below 100, in units of images in [-1, 1]");
    }
}

namespace InvFusion.Training.Features;

/// <summary>How <see cref="FeatureTrainer"/> trains.</summary>
public sealed record FeatureTrainingOptions
{
    /// <summary>Images of the run; each is seen as two views.</summary>
    public long Images { get; init; } = 200_000;

    /// <summary>Images of a step.</summary>
    public int Batch { get; init; } = 128;

    /// <summary>Seed of everything random.</summary>
    public ulong Seed { get; init; }

    /// <summary>Adam's rate, after a ramp over the first 2 % of the images and before a linear cool-down over the last half.</summary>
    public double LearningRate { get; init; } = 2e-3;

    /// <summary>Temperature τ of the loss.</summary>
    public double Temperature { get; init; } = 0.2;

    /// <summary>Refuses numbers that make no sense.</summary>
    /// <exception cref="ConfigurationException">The message names the setting.</exception>
    public void Validate()
    {
        Check(Batch is >= 2 and <= 4096, nameof(Batch), Batch, "2 to 4096");
        Check(Images >= Batch, nameof(Images), Images, "at least Batch");
        Check(LearningRate is > 0 and < 1, nameof(LearningRate), LearningRate, "between 0 and 1");
        Check(Temperature is >= 0.01 and <= 10, nameof(Temperature), Temperature, "0.01 to 10");
    }

    private static void Check(bool holds, string name, double value, string rule)
    {
        if (!holds)
            throw new ConfigurationException($"{name} {value}: must be {rule}");
    }
}

namespace InvFusion.Data;

/// <summary>What a <see cref="PrefetchingLoader"/> delivers.</summary>
public sealed record LoaderOptions
{
    /// <summary>Images of a batch.</summary>
    public required int BatchSize { get; init; }

    /// <summary>Seed of order and flips.</summary>
    public ulong Seed { get; init; }

    /// <summary>Images that training has seen before: where the first batch starts.</summary>
    public long StartCounter { get; init; }

    /// <summary>
    /// What the counter advances by from batch to batch; 0 means <see cref="BatchSize"/>. Process r of W takes StartCounter + r · BatchSize and W · BatchSize.
    /// </summary>
    public long Stride { get; init; }

    /// <summary>Mirror each image left to right with probability 1/2.</summary>
    public bool HorizontalFlip { get; init; }

    /// <summary>Shuffle; without it images come in the order of the set, over and over.</summary>
    public bool Shuffle { get; init; } = true;

    /// <summary>Batches that are made ahead.</summary>
    public int Prefetch { get; init; } = 4;

    /// <summary>Refuses numbers that make no sense.</summary>
    /// <exception cref="ConfigurationException">The message names the setting.</exception>
    public void Validate()
    {
        Check(BatchSize >= 1, nameof(BatchSize), BatchSize, "at least 1");
        Check(StartCounter >= 0, nameof(StartCounter), StartCounter, "at least 0");
        Check(Stride >= 0, nameof(Stride), Stride, "at least 0");
        Check(Prefetch is >= 1 and <= 1024, nameof(Prefetch), Prefetch, "1 to 1024");
    }

    private static void Check(bool holds, string name, long value, string rule)
    {
        if (!holds)
            throw new ConfigurationException($"{name} {value}: must be {rule}");
    }
}

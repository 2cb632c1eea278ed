namespace InvFusion.Training.Averages;

/// <summary>Which power-function averages a run tracks, and when it stores them.</summary>
public sealed record PowerAverageOptions
{
    /// <summary>σ_rel of each tracked average; two (0.05 and 0.1) suffice to reconstruct any other later. Empty for none.</summary>
    public IReadOnlyList<double> Stds { get; init; } = [];

    /// <summary>Images between two snapshots; the end of the run has one too.</summary>
    public long SnapshotImages { get; init; } = 1 << 16;
}

namespace InvFusion.Metrics.Scores;

/// <summary>What a batch of images adds to the metrics; all that is kept of it.</summary>
internal sealed class BatchScores
{
    /// <summary>Numbers of the images that were scored, in the set.</summary>
    public required int[] Images { get; init; }

    /// <summary>For each of them and each image metric of the plan numerator and denominator.</summary>
    public required double[] Scores { get; init; }

    /// <summary>Vectors <c>[images, D]</c>.</summary>
    public required IReadOnlyDictionary<FeatureKey, float[]> Features { get; init; }

    /// <summary>Why other images of the batch have no score, in one line each.</summary>
    public required string[] Failures { get; init; }
}

namespace InvFusion.Metrics.Scores;

/// <summary>What a metric must be given beside the images.</summary>
[Flags]
public enum MetricNeeds
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The true images.</summary>
    Truth = 1,

    /// <summary>H and y.</summary>
    Measurement = 2,

    /// <summary>A measurement without noise, onto which images can be moved.</summary>
    Projection = 4,

    /// <summary>Two samples or more of each image.</summary>
    Samples = 8,

    /// <summary>Statistics of reference images.</summary>
    Reference = 16,
}

namespace InvFusion.Metrics.Features;

/// <summary>What a branch does before its convolutions.</summary>
internal enum InceptionPool
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>3×3 mean over the pixels that there are: padding is not counted.</summary>
    Average,

    /// <summary>3×3 maximum, of the same size.</summary>
    Maximum,

    /// <summary>3×3 maximum at every second pixel, without padding.</summary>
    Reduce,
}

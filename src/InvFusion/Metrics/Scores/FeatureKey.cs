namespace InvFusion.Metrics.Scores;

/// <summary>Which vectors: of a detector, of the images themselves or of the projected ones.</summary>
internal sealed record FeatureKey(string Detector, bool Projected)
{
    public static FeatureKey Of(SetMetric metric) => new(metric.Detector, metric.Projected);

    /// <summary>The name of an array of them.</summary>
    public string Text => Projected ? $"features/projected/{Detector}" : $"features/{Detector}";
}

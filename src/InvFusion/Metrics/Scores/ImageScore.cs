namespace InvFusion.Metrics.Scores;

/// <summary>What one image adds to a metric, which is a function of Σ numerators / Σ denominators.</summary>
/// <param name="Numerator">Its value where the metric is a mean.</param>
/// <param name="Denominator">1 where it is one; 0 for an image that does not count.</param>
public readonly record struct ImageScore(double Numerator, double Denominator = 1)
{
    /// <summary>An image that does not count.</summary>
    public static ImageScore None { get; } = new(0, 0);

    /// <summary>A value of a mean; one that is not finite (the PSNR of equal images) does not count.</summary>
    public static ImageScore Of(double value) => double.IsFinite(value) ? new(value) : None;
}

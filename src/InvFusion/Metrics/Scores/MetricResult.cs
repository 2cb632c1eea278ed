using InvFusion.Evaluation;

namespace InvFusion.Metrics.Scores;

/// <summary>The value of one metric.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Value">The value with its 95 % interval; the interval is NaN where there are too few images for one.</param>
/// <param name="Interval">Where the interval comes from: <c>bootstrap</c> over images, or <c>jackknife</c> over groups of them; <c>none:</c> and the reason where there is none.</param>
/// <param name="Images">How many images it is of.</param>
/// <param name="Detector">The feature network with the form of its input, where there is one.</param>
/// <param name="Error">Why there is no value, in one line; null where there is one.</param>
public sealed record MetricResult(string Name, Estimate Value, string Interval, int Images, string? Detector = null, string? Error = null)
{
    /// <summary>A metric that could not be computed.</summary>
    public static MetricResult Failed(string name, string error) => new(name, new(double.NaN, double.NaN, double.NaN), "", 0, null, error);
}

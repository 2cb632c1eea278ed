using InvFusion.Evaluation;

namespace InvFusion.Metrics.Statistics;

/// <summary>
/// Error bars of numbers that belong to a set of images, not to an image, by leaving groups out. A bootstrap would draw some images twice, which moves these numbers
/// by more than its spread; a jackknife draws none twice and is the same thing to first order.
/// </summary>
internal static class Jackknife
{
    /// <summary>Groups that images are dealt to in turn.</summary>
    public const int Groups = 10;

    private const double Part = 0.95;

    /// <summary>The group of an image.</summary>
    public static int GroupOf(int image) => image % Groups;

    /// <summary>The value with its 95 % interval, ± t·s of Student's t.</summary>
    /// <param name="value">Of the whole set.</param>
    /// <param name="without">Of the set without each group.</param>
    public static Estimate Of(double value, IReadOnlyList<double> without)
    {
        var (count, mean) = (without.Count, without.Average());
        var error = Math.Sqrt((count - 1.0) / count * without.Sum(v => (v - mean) * (v - mean)));
        var reach = error * StudentT.TwoSided(Part, count - 1);
        return new(value, value - reach, value + reach);
    }
}

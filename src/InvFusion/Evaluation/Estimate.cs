using InvFusion.Runtime;

namespace InvFusion.Evaluation;

/// <summary>A mean over images and how far another choice of images would move it.</summary>
/// <param name="Mean">The mean; NaN of no values.</param>
/// <param name="Low">Lower end of its 95 % interval; NaN of fewer than two values.</param>
/// <param name="High">Upper end of it.</param>
public readonly record struct Estimate(double Mean, double Low, double High)
{
    private const int Resamples = 1000;
    private const ulong Seed = 0x626F6F74; // the same resamples for every row: rows of the same images move together

    /// <summary>Bootstrap over images: the middle 95 % of the means of 1000 resamples, which are the same in every call.</summary>
    /// <param name="values">A value for each image.</param>
    public static Estimate Of(IReadOnlyList<double> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return OfRatio(values, Enumerable.Repeat(1.0, values.Count).ToArray(), mean => mean);
    }

    /// <summary>The same for a function of Σ numerators / Σ denominators.</summary>
    /// <param name="numerators">A number for each image.</param>
    /// <param name="denominators">A number for each image.</param>
    /// <param name="finish">From the ratio of the sums to the value.</param>
    public static Estimate OfRatio(IReadOnlyList<double> numerators, IReadOnlyList<double> denominators, Func<double, double> finish)
    {
        ArgumentNullException.ThrowIfNull(numerators);
        ArgumentNullException.ThrowIfNull(denominators);
        ArgumentNullException.ThrowIfNull(finish);
        var (count, value) = (numerators.Count, finish(numerators.Sum() / denominators.Sum()));
        if (count < 2)
            return new(value, double.NaN, double.NaN);
        var stream = new RandomStream(Seed, (ulong)count);
        var means = new double[Resamples];
        for (var r = 0; r < Resamples; r++)
        {
            var (above, below) = (0.0, 0.0);
            for (var i = 0; i < count; i++)
            {
                var drawn = stream.NextInt(0, count);
                above += numerators[drawn];
                below += denominators[drawn];
            }
            means[r] = finish(above / below);
        }
        Array.Sort(means);
        const int Tail = Resamples / 40; // 2.5 % on each side
        return new(value, means[Tail], means[^(Tail + 1)]);
    }
}

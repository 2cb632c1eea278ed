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
        if (values.Count < 2)
            return new(values.Count == 0 ? double.NaN : values[0], double.NaN, double.NaN);
        var stream = new RandomStream(Seed, (ulong)values.Count);
        var means = new double[Resamples];
        for (var r = 0; r < Resamples; r++)
        {
            for (var i = 0; i < values.Count; i++)
                means[r] += values[stream.NextInt(0, values.Count)];
            means[r] /= values.Count;
        }
        Array.Sort(means);
        const int Tail = Resamples / 40; // 2.5 % on each side
        return new(values.Average(), means[Tail], means[^(Tail + 1)]);
    }
}

using static TorchSharp.torch;

namespace InvFusion.Evaluation;

/// <summary>
/// Whether posterior samples know how wrong they may be: their spread and their intervals against the truth, number by number. For K samples that are drawn from the same
/// distribution as the truth, every expectation here is exact, however small K is.
/// </summary>
/// <param name="Samples">K.</param>
/// <param name="Numbers">
/// Numbers of the image that count: where the samples agree with each other and with the truth, as on pixels that were measured without noise, there is nothing to test.
/// </param>
/// <param name="Spread">Root mean square of the samples' standard deviation, made larger by √(1 + 1/K): the error that their mean is expected to have.</param>
/// <param name="Error">Root mean square of truth - mean.</param>
/// <param name="Coverage">
/// The part of the numbers that lie in mean ± t·s·√(1 + 1/K), with Student's t of K - 1 degrees of freedom: <see cref="NominalCoverage"/> where the posterior of a
/// number is a Gaussian.
/// </param>
/// <param name="InsideRange">The part that lies between the smallest and the largest sample: <see cref="ExpectedInsideRange"/> whatever the posterior.</param>
public sealed record PosteriorCalibration(int Samples, long Numbers, double Spread, double Error, double Coverage, double InsideRange)
{
    private const double Nominal = 0.9;

    // Numbers that samples and truth agree on within this, in units of the images, are determined.
    private const double Determined = 1e-4;

    /// <summary>The part of truths that the interval is made for.</summary>
    public double NominalCoverage { get; } = Nominal;

    /// <summary>(K - 1)/(K + 1): truth and samples are K + 1 draws of one distribution, and the truth is an outermost one of them in 2 of K + 1 cases.</summary>
    public double ExpectedInsideRange => (Samples - 1.0) / (Samples + 1);

    /// <summary>1 for a calibrated posterior; below it, the samples are too sure of themselves. NaN where nothing is left to test.</summary>
    public double SpreadOverError => Spread / Error;

    /// <summary>Compares samples with the truth.</summary>
    /// <param name="samples"><c>[K, …]</c>, all finite; K at least 2.</param>
    /// <param name="truth"><c>[…]</c>.</param>
    public static PosteriorCalibration Of(Tensor samples, Tensor truth)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(truth);
        var count = (int)samples.shape[0];
        if (count < 2 || !samples.shape.AsSpan(1).SequenceEqual(truth.shape))
            throw new ArgumentException(
                $"samples are [{string.Join(", ", samples.shape)}], needed 2 or more of [{string.Join(", ", truth.shape)}]"
            );
        using var scope = NewDisposeScope();
        var (x, t) = (samples.to_type(ScalarType.Float64).flatten(1), truth.to_type(ScalarType.Float64).flatten());
        var error = (t - x.mean([0])).abs();
        var spread = x.std(0) * Math.Sqrt(1 + 1.0 / count); // with K - 1
        var counted = maximum(error, spread) > Determined;
        var inInterval = error <= StudentT.TwoSided(Nominal, count - 1) * spread;
        var inRange = (t >= x.amin(0)) & (t <= x.amax(0));
        return new(count, counted.sum().item<long>(), Root(spread), Root(error), Share(inInterval), Share(inRange));

        double Root(Tensor values) => values[counted].square().mean().sqrt().item<double>();
        double Share(Tensor hits) => hits[counted].to_type(ScalarType.Float64).mean().item<double>();
    }
}

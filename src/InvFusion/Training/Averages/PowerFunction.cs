namespace InvFusion.Training.Averages;

/// <summary>
/// The power-function averages of EDM2 (Karras et al. 2024, section 3.1 and appendix C): at time t the weights of time τ count with
/// p(τ) = (γ+1)·τ^γ / t^(γ+1), whose width relative to t is σ_rel. Times are in images.
/// </summary>
public static class PowerFunction
{
    /// <summary>The widest profile: γ = 0, the plain mean over the whole run.</summary>
    public static double LargestStd { get; } = StdOf(0);

    /// <summary>γ of a profile of relative width σ_rel: the largest root of γ³ + 7γ² + (16 - σ⁻²)γ + 12 - σ⁻² = 0 (EDM2, eq. 126).</summary>
    /// <param name="std">σ_rel, above 0 and at most <see cref="LargestStd"/>.</param>
    public static double ExponentOf(double std)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(std);
        var s = 1 / (std * std);
        double gamma = 1 / std + 1, // right of the root, from where Newton's steps fall monotonically
            before;
        do
        {
            before = gamma;
            var value = ((gamma + 7) * gamma + 16 - s) * gamma + 12 - s;
            gamma -= value / ((3 * gamma + 14) * gamma + 16 - s);
        } while (gamma < before);
        return before;
    }

    /// <summary>σ_rel of a profile: √((γ+1) / ((γ+2)²(γ+3))).</summary>
    public static double StdOf(double exponent) => Math.Sqrt((exponent + 1) / (Math.Pow(exponent + 2, 2) * (exponent + 3)));

    /// <summary>β of a step, so that average ← β·average + (1 - β)·weights (EDM2, eq. 127): (1 - batch/images)^(γ+1), 0 at the first step.</summary>
    /// <param name="std">σ_rel.</param>
    /// <param name="images">Images seen after the step.</param>
    /// <param name="batch">Images of the step.</param>
    public static double Beta(double std, double images, double batch) => Math.Pow(1 - batch / images, ExponentOf(std) + 1);

    /// <summary>∫ p_a(τ)·p_b(τ) dτ of two profiles (EDM2, appendix C.2).</summary>
    public static double Overlap(AverageProfile a, AverageProfile b)
    {
        if (a.Images > b.Images)
            (a, b) = (b, a);
        var (ga, gb) = (ExponentOf(a.Std), ExponentOf(b.Std));
        return (ga + 1) * (gb + 1) * Math.Pow(a.Images / b.Images, gb) / ((ga + gb + 1) * b.Images);
    }

    /// <summary>How much the weights of the times 0, 1, …, <paramref name="length"/> - 1 count in a profile; the sum is 1.</summary>
    public static double[] Response(AverageProfile profile, int length)
    {
        var exponent = ExponentOf(profile.Std);
        var response = new double[length];
        for (var t = 0; t < length && t <= profile.Images; t++)
            response[t] = Math.Pow(t / profile.Images, exponent);
        var sum = response.Sum();
        return Array.ConvertAll(response, r => r / sum);
    }
}

/// <summary>A power-function profile.</summary>
/// <param name="Images">t, the images seen when it ends.</param>
/// <param name="Std">σ_rel, its width relative to t.</param>
public readonly record struct AverageProfile(double Images, double Std);

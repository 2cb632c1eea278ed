using InvFusion.Diffusion;
using static TorchSharp.torch;

namespace InvFusion.Training.Validation;

/// <summary>The noise levels of a validation, and what each counts.</summary>
/// <remarks>
/// The constants are those of EDM2 for every network, whatever it was trained with: values are comparable across preconditionings and training losses.
/// </remarks>
public static class ValidationGrid
{
    /// <summary>Mean of ln σ in the training density of EDM2.</summary>
    public const double LogSigmaMean = -0.8;

    /// <summary>Standard deviation of ln σ in it.</summary>
    public const double LogSigmaStd = 1.6;

    /// <summary>σ_d of the weight λ(σ), in units of images in [-1, 1].</summary>
    public const double SigmaData = 0.5;

    /// <summary>Levels over what training weighs (5 to 98 % of the density), and that of <see cref="MmseEstimator"/>.</summary>
    public static IReadOnlyList<double> Default { get; } = [0.03, 0.1, 0.2, 0.45, 1, 2, 5, 20, MmseEstimator.Sigma];

    /// <summary>The levels that a network can be measured at: one trained for the mean alone knows only that of <see cref="MmseEstimator"/>.</summary>
    /// <param name="trainedFor">What the network was trained for.</param>
    /// <param name="sigmas">The levels of the others.</param>
    public static IReadOnlyList<double> LevelsOf(LossKind trainedFor, IReadOnlyList<double> sigmas) =>
        trainedFor == LossKind.Edm ? sigmas : [MmseEstimator.Sigma];

    /// <summary>λ(σ) = (σ² + σ_d²)/(σ σ_d)² (EDM, table 1): what makes of a mean squared error the loss of EDM.</summary>
    public static double Lambda(double sigma) => (sigma * sigma + SigmaData * SigmaData) / Math.Pow(sigma * SigmaData, 2);

    /// <summary>
    /// Weights w_k with Σ w_k f(σ_k) = E[f(σ)], ln σ ~ N(P_mean, P_std²), for every f that is linear in ln σ between the levels and constant beyond the outer ones:
    /// the integral of the piecewise linear interpolant. With z = (ln σ - P_mean)/P_std, an interval [a, b] of probability P = Φ(b) - Φ(a) and first moment
    /// M = φ(a) - φ(b) gives (bP - M)/(b - a) to its lower level and (M - aP)/(b - a) to its upper one; what lies outside goes to the outer levels.
    /// </summary>
    /// <param name="sigmas">Rising levels.</param>
    /// <returns>A weight for each; their sum is 1.</returns>
    public static double[] Weights(IReadOnlyList<double> sigmas)
    {
        ArgumentNullException.ThrowIfNull(sigmas);
        double[] z = [.. sigmas.Select(s => (Math.Log(s) - LogSigmaMean) / LogSigmaStd)];
        double[] below = [.. z.Select(Cumulative)];
        var weights = new double[z.Length];
        weights[0] = below[0];
        weights[^1] += 1 - below[^1];
        for (var k = 1; k < z.Length; k++)
        {
            var (probability, moment) = (below[k] - below[k - 1], Density(z[k - 1]) - Density(z[k]));
            weights[k - 1] += (z[k] * probability - moment) / (z[k] - z[k - 1]);
            weights[k] += (moment - z[k - 1] * probability) / (z[k] - z[k - 1]);
        }
        return weights;
    }

    private static double Density(double z) => Math.Exp(-z * z / 2) / Math.Sqrt(2 * Math.PI);

    private static double Cumulative(double z)
    {
        using var scope = NewDisposeScope();
        return (1 + tensor(z / Math.Sqrt(2), dtype: ScalarType.Float64).erf().item<double>()) / 2;
    }
}

namespace InvFusion.Training.Validation;

/// <summary>What a validation measured: the squared error of every image in every way that it was degraded, at every noise level.</summary>
public sealed class ValidationValues
{
    private readonly double[] _errors; // [degradations, levels, images]
    private readonly double[] _factors; // w_k λ(σ_k)

    /// <summary>Takes the errors.</summary>
    /// <param name="degradations">F of them.</param>
    /// <param name="sigmas">K noise levels.</param>
    /// <param name="images">N.</param>
    /// <param name="errors">‖D - x₀‖²/n in units of images², <c>[F, K, N]</c> row by row.</param>
    public ValidationValues(IReadOnlyList<ValidationDegradation> degradations, IReadOnlyList<double> sigmas, int images, double[] errors)
    {
        ArgumentNullException.ThrowIfNull(degradations);
        ArgumentNullException.ThrowIfNull(sigmas);
        ArgumentNullException.ThrowIfNull(errors);
        if (errors.Length != degradations.Count * sigmas.Count * images)
            throw new ArgumentException($"{errors.Length} errors, not {degradations.Count}·{sigmas.Count}·{images}", nameof(errors));
        (Degradations, Sigmas, Images, _errors) = (degradations, sigmas, images, errors);
        Weights = ValidationGrid.Weights(sigmas);
        _factors = [.. Weights.Zip(sigmas, (weight, sigma) => weight * ValidationGrid.Lambda(sigma))];
    }

    /// <summary>The ways in which the images were degraded.</summary>
    public IReadOnlyList<ValidationDegradation> Degradations { get; }

    /// <summary>The noise levels.</summary>
    public IReadOnlyList<double> Sigmas { get; }

    /// <summary>What each level counts in a loss: <see cref="ValidationGrid.Weights"/>.</summary>
    public IReadOnlyList<double> Weights { get; }

    /// <summary>How many images.</summary>
    public int Images { get; }

    /// <summary>‖D - x₀‖²/n of each image, in units of images².</summary>
    /// <param name="degradation">Which of <see cref="Degradations"/>.</param>
    /// <param name="level">Which of <see cref="Sigmas"/>.</param>
    public ReadOnlySpan<double> Errors(int degradation, int level) => _errors.AsSpan((degradation * Sigmas.Count + level) * Images, Images);

    /// <summary>The mean of <see cref="Errors"/>.</summary>
    public double MeanError(int degradation, int level)
    {
        var sum = 0.0;
        foreach (var error in Errors(degradation, level))
            sum += error;
        return sum / Images;
    }

    /// <summary>Σ_k w_k λ(σ_k)·error of each image: EDM's loss under the training density of ln σ, without dimension.</summary>
    /// <param name="degradation">Which of <see cref="Degradations"/>.</param>
    public double[] Losses(int degradation)
    {
        var losses = new double[Images];
        for (var k = 0; k < Sigmas.Count; k++)
        {
            var errors = Errors(degradation, k);
            for (var i = 0; i < Images; i++)
                losses[i] += _factors[k] * errors[i];
        }
        return losses;
    }

    /// <summary>The mean of <see cref="Losses"/> over the degradations, of each image.</summary>
    public double[] Totals()
    {
        var totals = new double[Images];
        for (var d = 0; d < Degradations.Count; d++)
            foreach (var (i, loss) in Losses(d).Index())
                totals[i] += loss / Degradations.Count;
        return totals;
    }
}

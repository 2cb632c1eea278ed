using InvFusion.Runtime;

namespace InvFusion.Training;

/// <summary>
/// How often the noise of a measurement is small: σ_y is below a bound with a given probability, and exactly zero in a part of these cases. A uniform σ_y alone
/// would hardly ever be as small as that of a measurement without noise.
/// </summary>
public sealed record SmallNoiseOptions
{
    /// <summary>The bound, in units of the images in [-1, 1].</summary>
    public double Below { get; init; } = 0.02;

    /// <summary>Probability of a σ_y below the bound; the others are uniform between the bound and <see cref="TrainingOptions.SigmaYMax"/>.</summary>
    public double Share { get; init; } = 0.5;

    /// <summary>Part of the small ones that is exactly 0; the others are uniform between 0 and the bound.</summary>
    public double ZeroShare { get; init; } = 0.5;

    /// <summary>Draws the σ_y of one sample.</summary>
    /// <param name="stream">Gives two uniform numbers at most.</param>
    /// <param name="high"><see cref="TrainingOptions.SigmaYMax"/>.</param>
    internal double Draw(RandomStream stream, double high)
    {
        var choice = stream.NextUniform();
        if (choice >= Share)
            return stream.NextUniform(Below, high);
        return choice < Share * ZeroShare ? 0 : stream.NextUniform(0, Below);
    }
}

namespace InvFusion.Evaluation;

/// <summary>Student's t distribution.</summary>
internal static class StudentT
{
    private const int Intervals = 20_000;

    /// <summary>How many standard errors to either side of the mean hold a part of the distribution.</summary>
    /// <param name="part">The part, in (0, 1).</param>
    /// <param name="freedom">Degrees of freedom, at least 1.</param>
    /// <remarks>With t = √ν·tan θ the density is that of cos^{ν-1} θ on the whole circle's right half: no gamma function is needed.</remarks>
    public static double TwoSided(double part, int freedom)
    {
        const double Width = Math.PI / 2 / Intervals;
        var inside = new double[Intervals + 1]; // the integral of cos^{ν-1} from 0, by the midpoint rule
        for (var i = 0; i < Intervals; i++)
            inside[i + 1] = inside[i] + Math.Pow(Math.Cos((i + 0.5) * Width), freedom - 1);
        var wanted = part * inside[^1];
        var above = Array.FindIndex(inside, value => value >= wanted);
        var angle = (above - (inside[above] - wanted) / (inside[above] - inside[above - 1])) * Width;
        return Math.Sqrt(freedom) * Math.Tan(angle);
    }
}

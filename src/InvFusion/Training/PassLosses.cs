namespace InvFusion.Training;

/// <summary>What a pass reports.</summary>
/// <param name="Loss">Mean loss of a pixel.</param>
/// <param name="Consistency">Mean of (H⁺H(D - x))² over pixels.</param>
/// <param name="Direction">Mean loss of the directions of a sample; 0 without directions.</param>
/// <param name="Variance">Mean loss of their variances.</param>
internal readonly record struct PassLosses(double Loss, double Consistency, double Direction, double Variance)
{
    public static PassLosses operator +(PassLosses a, PassLosses b) =>
        new(a.Loss + b.Loss, a.Consistency + b.Consistency, a.Direction + b.Direction, a.Variance + b.Variance);

    public static PassLosses operator /(PassLosses a, double n) => new(a.Loss / n, a.Consistency / n, a.Direction / n, a.Variance / n);
}

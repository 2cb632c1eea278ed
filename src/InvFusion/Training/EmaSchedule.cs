namespace InvFusion.Training;

/// <summary>Decay of the traditional exponential moving average of the weights.</summary>
public sealed record EmaSchedule
{
    /// <summary>Half-life in images, once the ramp is over.</summary>
    public double HalfLifeImages { get; init; } = 1 << 20;

    /// <summary>During the ramp the half-life is this share of the images seen; 0 for no ramp.</summary>
    public double RampUpRatio { get; init; } = 0.05;

    /// <summary>Divides by the ratio instead of multiplying, as the public implementation does (longer than all images seen).</summary>
    public bool PublicRampUp { get; init; }

    /// <summary>β of a step, so that ema ← β·ema + (1 - β)·weights.</summary>
    /// <param name="images">Images seen after the step.</param>
    /// <param name="batch">Images of a step.</param>
    public double Beta(double images, double batch)
    {
        var halfLife = HalfLifeImages;
        if (RampUpRatio > 0)
            halfLife = Math.Min(halfLife, PublicRampUp ? images / RampUpRatio : images * RampUpRatio);
        return Math.Pow(0.5, batch / Math.Max(halfLife, 1e-8));
    }
}

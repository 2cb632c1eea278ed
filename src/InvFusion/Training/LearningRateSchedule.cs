namespace InvFusion.Training;

/// <summary>Learning rate over the images seen: ramp, inverse square root decay (EDM2, eq. 67) and an optional linear cool-down to zero.</summary>
public sealed record LearningRateSchedule
{
    /// <summary>The reference rate.</summary>
    public double Rate { get; init; } = 5e-5;

    /// <summary>Batches until the rate begins to fall with 1/√n; 0 keeps it.</summary>
    public double ReferenceBatches { get; init; } = 1 << 15;

    /// <summary>Images of the linear ramp at the start; 0 for none.</summary>
    public double RampUpImages { get; init; } = 1 << 22;

    /// <summary>The last images of the run, over which the rate falls linearly to zero; 0 for none.</summary>
    public double CoolDownImages { get; init; }

    /// <summary>Counts the images before the step, as the public implementation does (rate 0 at the first), instead of those after it.</summary>
    public bool PublicCount { get; init; }

    /// <summary>The rate of the step that follows <paramref name="seen"/> images.</summary>
    /// <param name="seen">Images seen before the step.</param>
    /// <param name="batch">Images of the step.</param>
    /// <param name="totalImages">Images of the whole run, for the cool-down.</param>
    public double OfStep(long seen, int batch, double totalImages) => At(PublicCount ? seen : seen + batch, batch, totalImages);

    /// <summary>The rate after <paramref name="images"/> images.</summary>
    /// <param name="images">Images seen.</param>
    /// <param name="batch">Images of a step.</param>
    /// <param name="totalImages">Images of the whole run, for the cool-down.</param>
    public double At(double images, double batch, double totalImages = double.PositiveInfinity)
    {
        var rate = Rate;
        if (ReferenceBatches > 0)
            rate /= Math.Sqrt(Math.Max(images / (ReferenceBatches * batch), 1));
        if (RampUpImages > 0)
            rate *= Math.Min(images / RampUpImages, 1);
        if (CoolDownImages > 0)
            rate *= Math.Clamp((totalImages + batch - images) / CoolDownImages, 0, 1);
        return rate;
    }
}

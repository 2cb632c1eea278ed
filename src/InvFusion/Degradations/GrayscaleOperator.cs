using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Only the mean of the channels is seen: what is left to do is colourisation.</summary>
/// <param name="image">Shape of one image.</param>
public sealed class GrayscaleOperator(ImageShape image) : LinearOperator(image, 1, image.Height * image.Width)
{
    /// <inheritdoc/>
    public override ImageShape? MeasurementShape => Image with { Channels = 1 };

    /// <inheritdoc/>
    public override Tensor Apply(Tensor images)
    {
        RequireImages(images);
        using var scope = NewDisposeScope();
        return images.mean([2]).flatten(2).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor measurements) => Spread(measurements, 1.0 / Image.Channels);

    /// <inheritdoc/>
    /// <remarks>HHᵀ = 1/C, so H⁺y repeats y on every channel, and damping divides it by 1 + C·σ_y².</remarks>
    public override Tensor PseudoInverse(Tensor measurements, double sigmaY = 0) =>
        Spread(measurements, 1 / (1 + Image.Channels * sigmaY * sigmaY));

    /// <inheritdoc/>
    /// <remarks>The mean of the channels is the first of their basis over √C, so H P Hᵀ is diagonal in the basis of rows and columns.</remarks>
    internal override Tensor JointCorrection(JointProblem problem)
    {
        var (_, rows, columns) = problem.Prior.Bases;
        var shares = 1 / Math.Sqrt(Image.Channels);
        Tensor mean = problem.Mean.narrow(2, 0, 1),
            variances = problem.Variances.narrow(2, 0, 1);
        var residual = CosineTransform.Sides(View(problem.Measurements)!, rows, columns) - mean * shares;
        var u = residual / (variances * (shares * shares) + problem.NoiseVariance(5));
        var others = problem.Mean.narrow(2, 1, Image.Channels - 1);
        return cat([mean + variances * u * shares, others], 2);
    }

    /// <inheritdoc/>
    public override LinearOperator Select(params ReadOnlySpan<long> samples) => new GrayscaleOperator(Image);

    /// <inheritdoc/>
    public override int? WindowStep => 1;

    /// <inheritdoc/>
    public override LinearOperator Window(ImageWindow window) => new GrayscaleOperator(Image.Of(window));

    private Tensor Spread(Tensor measurements, double scale)
    {
        RequireMeasurements(measurements);
        using var scope = NewDisposeScope();
        return (View(measurements)! * scale).expand(-1, -1, Image.Channels, -1, -1).contiguous().MoveToOuterDisposeScope();
    }
}

using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Every pixel is measured, y = x + noise: what is left to do is denoising.</summary>
/// <param name="image">Shape of one image.</param>
public sealed class IdentityOperator(ImageShape image) : LinearOperator(image, 1, image.Length)
{
    /// <inheritdoc/>
    public override ImageShape? MeasurementShape => Image;

    /// <inheritdoc/>
    public override Tensor Apply(Tensor images)
    {
        RequireImages(images);
        using var flat = images.flatten(2);
        return flat.clone();
    }

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor measurements) => Scaled(measurements, 1);

    /// <inheritdoc/>
    public override Tensor PseudoInverse(Tensor measurements, double sigmaY = 0) => Scaled(measurements, 1 / (1 + sigmaY * sigmaY));

    /// <inheritdoc/>
    internal override Tensor ColumnEnergy(Device device) => ones(1, Image.Channels, Image.Height, Image.Width, device: device);

    /// <inheritdoc/>
    /// <remarks>P + σ_y² is diagonal in the basis of the prior: Wiener's filter twice over, for x_t and for y.</remarks>
    internal override Tensor JointCorrection(JointProblem problem)
    {
        var variances = problem.Variances;
        var measured = problem.Prior.Transform(View(problem.Measurements)!);
        return problem.Mean + variances / (variances + problem.NoiseVariance(5)) * (measured - problem.Mean);
    }

    /// <inheritdoc/>
    public override LinearOperator Select(params ReadOnlySpan<long> samples) => new IdentityOperator(Image);

    /// <inheritdoc/>
    public override int? WindowStep => 1;

    /// <inheritdoc/>
    public override LinearOperator Window(ImageWindow window) => new IdentityOperator(Image.Of(window));

    private Tensor Scaled(Tensor measurements, double scale)
    {
        RequireMeasurements(measurements);
        using var scope = NewDisposeScope();
        return (View(measurements)! * scale).MoveToOuterDisposeScope();
    }
}

using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>
/// Nothing is measured (one zero per channel): the unconditional case of a network that was trained with measurements. The image itself is measured by
/// <see cref="IdentityOperator"/>.
/// </summary>
/// <param name="image">Shape of one image.</param>
public sealed class NoDegradation(ImageShape image) : LinearOperator(image, 1, image.Channels)
{
    /// <inheritdoc/>
    public override Tensor Apply(Tensor images)
    {
        RequireImages(images);
        return zeros(images.shape[0], images.shape[1], MeasurementLength, dtype: images.dtype, device: images.device);
    }

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor measurements)
    {
        RequireMeasurements(measurements);
        long[] shape = [measurements.shape[0], measurements.shape[1], Image.Channels, Image.Height, Image.Width];
        return zeros(shape, dtype: measurements.dtype, device: measurements.device);
    }

    /// <inheritdoc/>
    public override Tensor PseudoInverse(Tensor measurements, double sigmaY = 0) => Adjoint(measurements);

    /// <inheritdoc/>
    internal override Tensor ColumnEnergy(Device device) => zeros(1, Image.Channels, Image.Height, Image.Width, device: device);

    /// <inheritdoc/>
    internal override Tensor JointCorrection(JointProblem problem) => problem.Mean.alias();

    /// <summary>Zeros: what is not measured has no noise.</summary>
    public override Tensor Noise(Tensor normals) => zeros_like(normals);

    /// <inheritdoc/>
    public override LinearOperator Select(params ReadOnlySpan<long> samples) => new NoDegradation(Image);

    /// <inheritdoc/>
    public override int? WindowStep => 1;

    /// <inheritdoc/>
    public override LinearOperator Window(ImageWindow window) => new NoDegradation(Image.Of(window));

    /// <inheritdoc/>
    public override Tensor WindowOf(Tensor measurements, ImageWindow window) => measurements.alias();
}

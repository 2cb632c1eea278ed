using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Completes a blurred photo to a measurement: the blurred image also has tails outside the picture, which no photo shows.</summary>
internal static class PictureCompletion
{
    /// <summary>
    /// The measurement whose <see cref="FourierOperator.View"/> is the photo, and whose tails are those of the image that explains it best:
    /// the linear estimate x from what the photo shows, argmin ‖Crop(G x) - photo‖² + σ²xᵀC⁻¹x.
    /// </summary>
    /// <param name="op">H.</param>
    /// <param name="picture">The photo, <c>[B, k, c, h, w]</c> of <see cref="LinearOperator.ViewShape"/>.</param>
    /// <param name="sigmaY">Standard deviation of its noise, in units of the images.</param>
    public static Tensor Complete(FourierOperator op, Tensor picture, double sigmaY)
    {
        ArgumentNullException.ThrowIfNull(picture);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var photo = picture.detach().to_type(ScalarType.Float64);
        using var prior = new CosinePrior(op.Image, photo.dtype, photo.device);
        var noise = tensor([Math.Max(sigmaY, MeasurementNoise.Rounding)], dtype: photo.dtype, device: photo.device);
        var x = BlurEstimate.OnImages(
            prior,
            v => op.Crop(op.Blur(v)),
            v => op.BlurAdjoint(op.Uncrop(v)),
            photo,
            op.Power(photo.dtype),
            noise
        );
        var canvas = op.Blur(x);
        canvas += op.Uncrop(photo - op.Crop(canvas)); // where the photo shows it, it is as photographed
        return op.Pack(fft.fft2(canvas), picture.dtype).MoveToOuterDisposeScope();
    }
}

using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Completes a blurred photo to a measurement: the blurred image also has tails outside the picture, which no photo shows.</summary>
internal static class PictureCompletion
{
    private const int MostSteps = 200;

    /// <summary>
    /// The measurement whose <see cref="FourierOperator.View"/> is the photo, and whose tails are those of the image that explains it best:
    /// x = argmin ‖Crop(G x) - photo‖² + σ²‖x‖².
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
        var damping = Math.Pow(Math.Max(sigmaY, MeasurementNoise.Rounding), 2);
        var x = ConjugateGradients.Solve(v => Back(op.Crop(op.Blur(v))) + v * damping, Back(photo), MostSteps);
        var canvas = op.Blur(x);
        canvas += op.Uncrop(photo - op.Crop(canvas)); // where the photo shows it, it is as photographed
        return op.Pack(fft.fft2(canvas), picture.dtype).MoveToOuterDisposeScope();

        Tensor Back(Tensor seen) => op.BlurAdjoint(op.Uncrop(seen));
    }
}

using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>
/// H⁺y of a blur on images, not on their canvas: x = Gᵀu with (GGᵀ + σ_y²) u = G x by preconditioned conjugate gradients, G being the blur and decimation in pixels.
/// </summary>
/// <remarks>
/// On the canvas the energy E diagonalises GGᵀ. On the image that holds only for what blur leaves strong (the crop moves small singular values everywhere), so the
/// preconditioner is (E + λ)⁻¹ with λ far above the smallest: 20 steps then come nearer to the image than 300 plain ones. u lives in the measurement, so x has nothing
/// of the null space. These steps lower the error of x, not that of Gx: plain steps on the images, (GᵀG + σ_y²) x = Gᵀy, do the rest.
/// </remarks>
internal static class FourierLeastSquares
{
    private const double PreconditionerDamping = 0.02; // of ‖G‖
    private const double Floor = 1e-5; // of ‖G‖: without it rounding errors of what blur has removed would be blown up

    /// <summary>The minimum-norm least-squares images, computed in the type of the measurements (at least float32). Not differentiable.</summary>
    /// <param name="op">H.</param>
    /// <param name="measurements">y, <c>[B, k, O]</c>.</param>
    /// <param name="sigmaY">Standard deviation of the noise, in units of the images.</param>
    /// <param name="steps">Preconditioned steps.</param>
    /// <param name="polish">Plain steps after them.</param>
    public static Tensor PseudoInverse(FourierOperator op, Tensor measurements, double sigmaY, int steps, int polish)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var y = fft.ifft2(op.Unpack(measurements.detach())).real; // [B, k, C or 1, h, w]
        var energy = op.Energy.to_type(y.dtype);
        var largest = energy.amax([2, 3, 4], keepdim: true).clamp_min(1e-30);
        var damping = largest * (Floor * Floor) + sigmaY * sigmaY;
        var strong = energy + largest * (PreconditionerDamping * PreconditionerDamping) + sigmaY * sigmaY;
        var u = ConjugateGradients.Solve(
            v => op.Blur(op.BlurAdjoint(v)) + v * damping,
            y,
            steps,
            r => fft.ifft2(fft.fft2(r) / strong).real
        );
        var x = op.BlurAdjoint(u);
        Tensor Normal(Tensor v) => op.BlurAdjoint(op.Blur(v)) + v * damping;
        x = x + ConjugateGradients.Solve(Normal, op.BlurAdjoint(y) - Normal(x), polish);
        return x.to_type(measurements.dtype).MoveToOuterDisposeScope();
    }
}

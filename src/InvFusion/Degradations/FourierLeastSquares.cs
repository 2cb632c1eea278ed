using InvFusion.Ops.Kernels;
using InvFusion.Runtime;
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
        var energy = op.Energy.to_type(measurements.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32);
        var largest = energy.amax([2, 3, 4], keepdim: true).clamp_min(1e-30);
        var damping = largest * (Floor * Floor) + sigmaY * sigmaY;
        var strong = energy + largest * (PreconditionerDamping * PreconditionerDamping) + sigmaY * sigmaY;
        if (Fused(op, measurements.detach(), strong, damping, steps, polish) is { } images)
            return images.MoveToOuterDisposeScope();
        var y = fft.ifft2(op.Unpack(measurements.detach())).real; // [B, k, C or 1, h, w]
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

    // By our own kernel; null where it does not fit: another type or device, a kernel for each channel, sides that are no powers of two.
    private static unsafe Tensor? Fused(FourierOperator op, Tensor measurements, Tensor strong, Tensor damping, int steps, int polish)
    {
        var (channels, height, width) = op.Image;
        LaneFourier<double> rows = default,
            columns = default;
        var fits =
            FusedKernels.Enabled.HasFlag(FusedKernel.BlurInverse)
            && measurements.device_type == TorchSharp.DeviceType.CPU
            && measurements.dtype == ScalarType.Float64
            && op.Spectrum.shape[2] == 1
            && !op.MixColor
            && SpectralBlur.Fits(height, width, op.Stride)
            && LaneFourier<double>.TryGet(height, out columns)
            && LaneFourier<double>.TryGet(width, out rows);
        if (!fits)
            return null;
        using var scope = NewDisposeScope();
        var (y, inverse, floor) = (measurements.contiguous(), strong.contiguous(), damping.contiguous());
        var (batch, k) = (y.shape[0], y.shape[1]);
        var images = empty([batch, k, channels, height, width], ScalarType.Float64);
        var work = new BlurLeastSquares
        {
            Measurements = (double*)TensorMemory.Address(y),
            Images = (double*)TensorMemory.Address(images),
            Spectrum = TensorMemory.Floats(op.Spectrum),
            Strong = (double*)TensorMemory.Address(inverse),
            Damping = (double*)TensorMemory.Address(floor),
            Rows = rows,
            Columns = columns,
            Stride = op.Stride,
            Channels = channels,
            SystemsOfBlur = (int)(op.BatchSize == 1 ? batch * k : k),
            Steps = steps,
            Polish = polish,
        };
        CpuTeam.For((int)(batch * k), 1, work);
        return images.MoveToOuterDisposeScope();
    }
}

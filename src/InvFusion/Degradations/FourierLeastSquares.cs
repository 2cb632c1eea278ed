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
    /// <param name="steps">How many.</param>
    public static Tensor PseudoInverse(FourierOperator op, Tensor measurements, double sigmaY, LeastSquaresSteps steps)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var y = measurements.detach();
        var energy = op.Energy.to_type(y.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32);
        var (strong, damping) = Damping(energy, sigmaY);
        var functions = new BlurFunctions(op.Blur, op.BlurAdjoint, (r, inverse) => fft.ifft2(fft.fft2(r) / inverse).real);
        var x = Fused(op, y, strong, damping, steps) ?? Solve(functions, fft.ifft2(op.Unpack(y)).real, energy, sigmaY, steps);
        return x.to_type(measurements.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>The same for any blur, in pixels.</summary>
    /// <param name="blur">G.</param>
    /// <param name="y">What was measured, <c>[B, k, c, h, w]</c>.</param>
    /// <param name="energy">The diagonal of GGᵀ on a canvas on which the blur is a product, <c>[B, 1, 1 or c, h, w]</c>.</param>
    /// <param name="sigmaY">Standard deviation of the noise.</param>
    /// <param name="steps">How many.</param>
    public static Tensor Solve(BlurFunctions blur, Tensor y, Tensor energy, double sigmaY, LeastSquaresSteps steps)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (strong, damping) = Damping(energy, sigmaY);
        var u = ConjugateGradients.Solve(v => blur.Forward(blur.Adjoint(v)) + v * damping, y, steps.Dual, r => blur.Filter(r, strong));
        var x = blur.Adjoint(u);
        if (steps.Polish > 0)
            x = x + ConjugateGradients.Solve(Normal, blur.Adjoint(y) - Normal(x), steps.Polish);
        return x.MoveToOuterDisposeScope();

        Tensor Normal(Tensor v) => blur.Adjoint(blur.Forward(v)) + v * damping;
    }

    private static (Tensor Strong, Tensor Damping) Damping(Tensor energy, double sigmaY)
    {
        var largest = energy.amax([2, 3, 4], keepdim: true).clamp_min(1e-30);
        var strong = energy + largest * (PreconditionerDamping * PreconditionerDamping) + sigmaY * sigmaY;
        return (strong, largest * (Floor * Floor) + sigmaY * sigmaY);
    }

    // By our own kernel; null where it does not fit: another type or device, a kernel for each channel, sides that are no powers of two.
    private static unsafe Tensor? Fused(FourierOperator op, Tensor measurements, Tensor strong, Tensor damping, LeastSquaresSteps steps)
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
            Steps = steps.Dual,
            Polish = steps.Polish,
        };
        CpuTeam.For((int)(batch * k), 1, work);
        return images.MoveToOuterDisposeScope();
    }
}

/// <summary>A blur G in pixels, its adjoint, and a product in the spectrum (r over an energy).</summary>
internal readonly record struct BlurFunctions(
    Func<Tensor, Tensor> Forward,
    Func<Tensor, Tensor> Adjoint,
    Func<Tensor, Tensor, Tensor> Filter
);

/// <summary>Steps of a blur's inverse.</summary>
/// <param name="Dual">Preconditioned steps in the measurement.</param>
/// <param name="Polish">Plain steps on the images after them.</param>
internal readonly record struct LeastSquaresSteps(int Dual, int Polish)
{
    private const long LargePixels = 1 << 17;

    /// <summary>
    /// Fewer for large images, of which a step takes a tenth of a second: 40 and 10 leave a relative residual of some 1e-4, 6 of 1e-3, below the rounding of a
    /// picture of 8 bits.
    /// </summary>
    public static LeastSquaresSteps Of(ImageShape image) => IsLarge(image) ? new(6, 0) : new(40, 10);

    /// <summary>Whether an image has so many pixels that only few steps are taken.</summary>
    public static bool IsLarge(ImageShape image) => (long)image.Height * image.Width > LargePixels;
}

using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>
/// Strided blur, exactly as the network knows it: the image on a doubled canvas of zeros, a product with the kernel's spectrum, and decimation as the mean over
/// the aliases of the spectrum. The measurement is the unnormalised spectrum of the small blurred image, stored whole as (channel, row, column, [real, imaginary]).
/// </summary>
/// <remarks>
/// H⁺ is the pseudo-inverse on the canvas followed by a crop; <see cref="Exact"/> has that on the image. Images and kernels are real, so only half of every
/// spectrum is computed. Notation: canvas 2H×2W, stride s, h = 2H/s, w = 2W/s, c = channels of the kernel.
/// </remarks>
public sealed class FourierOperator : LinearOperator
{
    /// <summary>Spectral values below this fraction of the spread of |F| count as zero.</summary>
    private const double Threshold = 1e-4;

    private const double PreconditionerDamping = 3e-6; // of the largest: below that the crop decides, not the spectrum

    private readonly Tensor _spectrum; // F [B, 1, c, 2H, W+1], complex
    private readonly Tensor _energy; // E [B, 1, 1 or c, h, w], 0 where it is below the threshold
    private readonly Tensor _inverseEnergy; // I = 1/E, 0 where E is
    private readonly Tensor _kernel; // [B, c, kh, kw]
    private readonly long[] _shift; // rows and columns by which the small blurred image is moved on its canvas
    private ExactFourierOperator? _exact;

    /// <summary>Creates the operator from blur kernels.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="kernel"><c>[B or 1, 1 or C, kh, kw]</c>, at most the size of the image.</param>
    /// <param name="stride">s, which divides 2H and 2W.</param>
    /// <param name="mixColor">Sums the channels, each blurred by its own kernel, into one.</param>
    /// <param name="batchThreshold">Takes the spectral threshold over the whole batch, as the public implementation does, instead of per sample.</param>
    public FourierOperator(ImageShape image, Tensor kernel, int stride, bool mixColor = false, bool batchThreshold = false)
        // The middle tap, at index n/2, is rolled by n/2 once more: for an odd side it lands at n - 1.
        : this(
            image,
            kernel,
            KernelSpectrum(image, kernel, stride),
            stride,
            [kernel.shape[2] / 2 * 2 / stride, kernel.shape[3] / 2 * 2 / stride],
            mixColor,
            batchThreshold
        ) { }

    private FourierOperator(
        ImageShape image,
        Tensor kernel,
        Tensor spectrum,
        int stride,
        long[] shift,
        bool mixColor = false,
        bool batchThreshold = false
    )
        : base(image, (int)kernel.shape[0], (mixColor ? 1 : image.Channels) * 2 * image.Height * 2 * image.Width / stride / stride * 2)
    {
        using var scope = NewDisposeScope();
        (Stride, MixColor, _shift) = (stride, mixColor, shift);
        var size = spectrum.abs();
        long[] over = batchThreshold ? [0, 1, 2, 3] : [1, 2, 3];
        var t = Threshold * (size.amax(over, keepdim: true) - size.amin(over, keepdim: true));
        var power = where(size > t, size.square(), zeros_like(size));
        var energy = AliasMean(mixColor ? power.sum(1, keepdim: true) : power, stride);
        energy = where(energy > t, energy, zeros_like(energy)).unsqueeze(1);
        var half = where(size > t, spectrum, zeros_like(spectrum)).narrow(-1, 0, image.Width + 1).unsqueeze(1);
        _kernel = Keep(kernel.to_type(ScalarType.Float32));
        _spectrum = Keep(half.to_type(ScalarType.ComplexFloat32).contiguous());
        _energy = Keep(energy.to_type(ScalarType.Float32));
        _inverseEnergy = Keep(where(energy > 0, 1 / energy, zeros_like(energy)).to_type(ScalarType.Float32));
        spectrum.Dispose();
    }

    private FourierOperator(FourierOperator from, ImageShape image, long[]? samples)
        : base(
            image,
            from.BatchSize == 1 ? 1 : samples?.Length ?? from.BatchSize,
            from.MeasurementLength / from.MeasurementChannels * (from.MixColor ? 1 : image.Channels)
        )
    {
        using var scope = NewDisposeScope();
        (Stride, MixColor, _shift) = (from.Stride, from.MixColor, from._shift);
        _kernel = Keep(Pick(from._kernel, samples));
        _spectrum = Keep(Pick(from._spectrum, samples));
        _energy = Keep(Pick(from._energy, samples));
        _inverseEnergy = Keep(Pick(from._inverseEnergy, samples));
    }

    /// <summary>
    /// Convolution with a point-spread function as people mean it, y[n] = Σ psf[t]·x[s·n + c - t] along each axis with c = ⌊side/2⌋ and zeros around the image
    /// (scipy's <c>ndimage.convolve</c>), where the constructor has the correlation that the network is trained with.
    /// </summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="psf"><c>[B or 1, 1 or C, kh, kw]</c>, at most the size of the image.</param>
    /// <param name="stride">s, which divides 2H and 2W.</param>
    public static FourierOperator Convolution(ImageShape image, Tensor psf, int stride = 1)
    {
        RequireKernel(image, psf, stride);
        using var scope = NewDisposeScope();
        var (height, width) = (psf.shape[2], psf.shape[3]);
        var padded = nn.functional.pad(psf.to_type(ScalarType.Float64), [0, 2 * image.Width - width, 0, 2 * image.Height - height]);
        var spectrum = fft.fft2(padded.roll((long[])[-(height / 2), -(width / 2)], (long[])[-2, -1]));
        return new FourierOperator(image, psf, spectrum.DetachFromDisposeScope(), stride, [0, 0]);
    }

    /// <summary>s: one pixel in s is kept along each axis.</summary>
    public int Stride { get; }

    /// <summary>Whether the channels are summed into one.</summary>
    public bool MixColor { get; }

    /// <summary>The blur kernels <c>[B, 1 or C, kh, kw]</c>; the operator owns them.</summary>
    public Tensor Kernel => _kernel;

    /// <inheritdoc/>
    public override double NoiseGain => Math.Sqrt(MeasurementHeight * MeasurementWidth);

    /// <inheritdoc/>
    public override LinearOperator Exact => _exact ??= new ExactFourierOperator(this);

    internal int MeasurementHeight => 2 * Image.Height / Stride;

    internal int MeasurementWidth => 2 * Image.Width / Stride;

    internal int MeasurementChannels => MixColor ? 1 : Image.Channels;

    /// <summary>E, the mean energy of the aliases <c>[B, 1, 1 or c, h, w]</c>.</summary>
    internal Tensor Energy => _energy;

    /// <summary>F, the left half of the spectrum <c>[B, 1, c, 2H, W+1]</c>.</summary>
    internal Tensor Spectrum => _spectrum;

    /// <inheritdoc/>
    public override Tensor Apply(Tensor images)
    {
        RequireImages(images);
        using var scope = NewDisposeScope();
        return Pack(Measure(images), images.dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <remarks>Hᵀ y = (4HW/s²)·Re IFFT(tile(y)·conj(F)), cropped: the transform is not normalised.</remarks>
    public override Tensor Adjoint(Tensor measurements)
    {
        using var scope = NewDisposeScope();
        var scale = (double)MeasurementHeight * MeasurementWidth;
        return Project(Unpack(measurements) * scale).to_type(measurements.dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor PseudoInverse(Tensor measurements, double sigmaY = 0)
    {
        using var scope = NewDisposeScope();
        var inverse = sigmaY > 0 ? where(_energy > 0, 1 / (_energy + sigmaY * sigmaY), zeros_like(_energy)) : _inverseEnergy; // J
        return Project(Unpack(measurements) * inverse).to_type(measurements.dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    internal override bool Fuse(in FeatureFusion fusion) => FusedBlur.TryRun(this, _inverseEnergy, fusion);

    /// <inheritdoc/>
    internal override bool FusesBack(ImageShape image, ScalarType dtype) => FusedBlur.Takes(this, image);

    /// <inheritdoc/>
    internal override void FuseBack(in FeatureFusion fusion, Tensor gradient, Tensor sums) =>
        FusedBlur.RunBack(this, _inverseEnergy, fusion, gradient, sums);

    /// <inheritdoc/>
    internal override bool FewSteps => true;

    /// <inheritdoc/>
    /// <remarks>Solved in pixels, preconditioned by what would be the inverse on the canvas.</remarks>
    internal override Tensor EstimateFromPrior(Tensor measurements, int steps, Tensor sigmaY)
    {
        var y = fft.ifft2(Unpack(measurements)).real; // [B, k, C or 1, h, w]
        using var prior = new PicturePrior(Image, y.dtype, y.device);
        var spectrum = _spectrum.to_type(Complex(y));
        var blurred = (
            MixColor ? (PicturePrior.MixChannels(spectrum) * spectrum.conj()).sum(2, keepdim: true) : spectrum * spectrum.conj()
        );
        var energy = FoldAliases(blurred * prior.Spectrum).real / (Stride * Stride); // of H C Hᵀ
        var strong =
            energy + energy.amax([2, 3, 4], keepdim: true).clamp_min(1e-30) * PreconditionerDamping + sigmaY.square().view(-1, 1, 1, 1, 1);
        var root = strong.rsqrt(); // on both sides: the product stays symmetric where each channel has its own kernel
        Tensor Precondition(Tensor r)
        {
            var half = fft.fft2(r) * root;
            return fft.ifft2((MixColor ? half : prior.UnmixChannels(half)) * root).real;
        }
        return LinearEstimator.Solve(Blur, BlurAdjoint, prior, y, sigmaY, steps, Precondition);
    }

    /// <inheritdoc/>
    /// <remarks>
    /// On images, where GᵀG is nearly diagonal in cosines, unless less is measured than they have numbers: it is far from diagonal then, and the system of measurements,
    /// which knows what a stride folds together, is the smaller one.
    /// </remarks>
    internal override Tensor PriorMean(CosinePrior prior, Tensor measurements, Tensor sigmaY)
    {
        if (MeasurementChannels * MeasurementHeight * MeasurementWidth < Image.Length)
            return base.PriorMean(prior, measurements, sigmaY);
        var y = fft.ifft2(Unpack(measurements)).real; // [B, 1, C or 1, h, w]
        return BlurEstimate.OnImages(prior, Blur, BlurAdjoint, y, Power(y.dtype), sigmaY);
    }

    /// <inheritdoc/>
    /// <remarks>Solved in pixels of the measurement, where what would be the inverse on the canvas is the preconditioner.</remarks>
    internal override Tensor JointCorrection(JointProblem problem)
    {
        if (FusedBlurDual.Takes(this, problem))
            return FusedBlurDual.Correct(this, CanvasEnergy(problem), problem);
        var residual = fft.ifft2(Unpack(problem.Measurements)).real - Blur(problem.MeanImages()); // [B, 1, C or 1, h, w]
        var noise = problem.NoiseVariance(5);
        var strong = CanvasEnergy(problem) + noise;
        var ownBasis = !MixColor && _kernel.shape[1] == 1; // that of the channels, where all are blurred alike
        Tensor Precondition(Tensor r)
        {
            if (!ownBasis)
                return fft.ifft2(fft.fft2(r) / strong).real;
            var (channels, _, _) = problem.Prior.Bases;
            var filtered = fft.ifft2(fft.fft2(CosinePrior.Mix(channels, r)) / strong).real;
            return CosinePrior.Mix(channels.t(), filtered.contiguous());
        }
        var u = problem.Solve(v => Blur(problem.Multiply(BlurAdjoint(v))) + v * noise, residual.contiguous(), Precondition);
        return problem.Corrected(BlurAdjoint(u));
    }

    /// <inheritdoc/>
    /// <remarks>The energy of the kernel, over the strides: exact for a stride of 1.</remarks>
    internal override Tensor ColumnEnergy(Device device)
    {
        using var scope = NewDisposeScope();
        var energy = _kernel.square().sum([2, 3], keepdim: true) / (Stride * Stride); // [B, 1 or C, 1, 1]
        return energy.expand(BatchSize, Image.Channels, Image.Height, Image.Width).to(device).contiguous().MoveToOuterDisposeScope();
    }

    // The diagonal of G P Gᵀ on the canvas, [B, 1, C or 1, h, w], in the basis of the channels where all are blurred alike, else for their mean.
    private Tensor CanvasEnergy(JointProblem problem)
    {
        var (height, width) = (Image.Height, Image.Width);
        var rows = arange(2 * height, dtype: ScalarType.Int64, device: _spectrum.device);
        var folded = rows.minimum(2 * height - rows).clamp_max(height - 1); // cosine k has k cycles over the canvas
        var columns = arange(width + 1, dtype: ScalarType.Int64, device: _spectrum.device).clamp_max(width - 1);
        var variances = problem.Variances.index_select(3, folded).index_select(4, columns); // [B or 1, 1, C, 2H, W+1]
        var power = (_spectrum * _spectrum.conj()).real.to_type(variances.dtype);
        if (_kernel.shape[1] > 1)
            variances = variances.mean([2], keepdim: true);
        else if (MixColor)
            variances = variances.narrow(2, 0, 1); // the sum of the channels is √C times the first of their basis
        var energy = power * variances;
        if (MixColor)
            energy = _kernel.shape[1] > 1 ? energy.sum(2, keepdim: true) : energy * Image.Channels;
        var complex = view_as_complex(stack([energy, zeros_like(energy)], -1));
        return FoldAliases(complex).real / (Stride * Stride);
    }

    /// <inheritdoc/>
    protected internal override bool OrthogonalRows => false;

    /// <summary>The spectrum of a small image of noise, in pixels of standard deviation 1.</summary>
    public override Tensor Noise(Tensor normals)
    {
        RequireMeasurements(normals);
        using var scope = NewDisposeScope();
        long[] shape = [normals.shape[0], normals.shape[1], MeasurementChannels, MeasurementHeight, MeasurementWidth];
        var pixels = normals.narrow(-1, 0, MeasurementLength / 2).reshape(shape); // half of the numbers: the rest of a real image's spectrum mirrors them
        return Pack(fft.fft2(Computable(pixels)), normals.dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <remarks>Half of the energy n is in the real part and half in the imaginary one, but for the up to four frequencies that mirror themselves: they are real.</remarks>
    public override Tensor NoiseVariance(Device device)
    {
        using var scope = NewDisposeScope();
        var (height, width) = (MeasurementHeight, MeasurementWidth);
        var real = Mirroring(height).unsqueeze(1) * Mirroring(width) + 1; // 2 where a frequency is its own mirror image
        var parts = stack([real, 2 - real], -1).to(device) * (height * width / 2.0); // [h, w, 2]
        var counted = _energy.gt(0).unsqueeze(-1).expand(BatchSize, 1, MeasurementChannels, height, width, 1);
        return (counted * parts).reshape(BatchSize, 1, MeasurementLength).MoveToOuterDisposeScope();
    }

    /// <summary>The small blurred image, moved back to where the picture was.</summary>
    public override Tensor View(Tensor measurements)
    {
        using var scope = NewDisposeScope();
        return Crop(fft.ifft2(Unpack(measurements)).real).contiguous().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override ImageShape? ViewShape =>
        new(MeasurementChannels, Math.Max(1, Image.Height / Stride), Math.Max(1, Image.Width / Stride));

    /// <inheritdoc/>
    /// <remarks>The blur of the image reaches beyond what a photo shows: see <see cref="PictureCompletion"/>. Not differentiable.</remarks>
    public override Tensor FromView(Tensor picture, double sigmaY = 0) => PictureCompletion.Complete(this, picture, sigmaY);

    /// <inheritdoc/>
    public override LinearOperator Select(params ReadOnlySpan<long> samples) => new FourierOperator(this, Image, samples.ToArray());

    /// <inheritdoc/>
    public override Tensor Picture()
    {
        using var scope = NewDisposeScope();
        var positive = _kernel.clamp_min(0);
        return (positive / positive.amax([1, 2, 3], keepdim: true).clamp_min(1e-12)).MoveToOuterDisposeScope();
    }

    /// <summary>This operator for images of one channel, where all channels share one kernel.</summary>
    internal FourierOperator OneChannel() => new(this, Image with { Channels = 1 }, samples: null);

    /// <summary>The mean over the aliases of F·FFT(x): <c>[B, k, C, H, W]</c> → complex <c>[B, k, C or 1, h, w]</c>.</summary>
    internal Tensor Measure(Tensor images)
    {
        using var scope = NewDisposeScope();
        var x = Computable(images);
        var half = DoubledCanvas.Spectrum(x) * _spectrum.to_type(Complex(x));
        if (MixColor)
            half = half.sum(2, keepdim: true);
        return (FoldAliases(half) / (Stride * Stride)).MoveToOuterDisposeScope();
    }

    /// <summary>Re IFFT(tile(z)·conj(F)), cropped: complex <c>[B, k, C or 1, h, w]</c> → <c>[B, k, C, H, W]</c>.</summary>
    internal Tensor Project(Tensor spectrum)
    {
        using var scope = NewDisposeScope();
        var (height, width) = (Image.Height, Image.Width);
        // The real part of an inverse transform is that of the Hermitian part, and F is Hermitian: half of the columns say it all.
        var hermitian = (spectrum + Mirror(spectrum, columns: 1)) / 2;
        var copies = (width + MeasurementWidth) / MeasurementWidth; // columns 0 … W
        var tiled = hermitian.repeat(1, 1, 1, Stride, copies).narrow(-1, 0, width + 1);
        var image = DoubledCanvas.Image(tiled * _spectrum.to_type(spectrum.dtype).conj(), height, width);
        return image.contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>The diagonal of GᵀG on the canvas, <c>[B, 1, c, 2H, W+1]</c>.</summary>
    internal Tensor Power(ScalarType type) => (_spectrum * _spectrum.conj()).real.to_type(type) / (Stride * Stride);

    /// <summary>G x, the blurred and decimated canvas in pixels: <c>[B, k, C, H, W]</c> → <c>[B, k, C or 1, h, w]</c>.</summary>
    internal Tensor Blur(Tensor images) => fft.ifft2(Measure(images)).real;

    /// <summary>Gᵀ p: the spectrum's adjoint without the factor of the unnormalised transform, which cancels against that of the pixels' own.</summary>
    internal Tensor BlurAdjoint(Tensor pixels) => Project(fft.fft2(pixels));

    /// <summary>The part of the canvas G x that lies where the image is: <c>[B, k, c, h, w]</c> → that of <see cref="ViewShape"/>.</summary>
    internal Tensor Crop(Tensor canvas)
    {
        var (_, height, width) = ViewShape!.Value;
        return canvas.roll(_shift, (long[])[-2, -1]).narrow(-2, 0, height).narrow(-1, 0, width);
    }

    /// <summary>The adjoint of <see cref="Crop"/>: an image in its place on a canvas of zeros.</summary>
    internal Tensor Uncrop(Tensor picture)
    {
        var (_, height, width) = ViewShape!.Value;
        var padded = nn.functional.pad(picture, [0, MeasurementWidth - width, 0, MeasurementHeight - height]);
        return padded.roll((long[])[-_shift[0], -_shift[1]], (long[])[-2, -1]);
    }

    /// <summary>Measurements <c>[B, k, O]</c> → complex <c>[B, k, C or 1, h, w]</c>.</summary>
    internal Tensor Unpack(Tensor measurements)
    {
        RequireMeasurements(measurements);
        long[] shape = [measurements.shape[0], measurements.shape[1], MeasurementChannels, MeasurementHeight, MeasurementWidth, 2];
        return view_as_complex(Computable(measurements).reshape(shape).contiguous());
    }

    /// <summary>Complex <c>[B, k, C or 1, h, w]</c> → measurements <c>[B, k, O]</c>.</summary>
    internal Tensor Pack(Tensor spectrum, ScalarType type) =>
        view_as_real(spectrum.contiguous()).reshape(spectrum.shape[0], spectrum.shape[1], MeasurementLength).to_type(type);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _exact?.Dispose();
        foreach (var tensor in (Tensor[])[_spectrum, _energy, _inverseEnergy, _kernel])
            tensor.Dispose();
        base.Dispose(disposing);
    }

    // 1 at the places of a dimension that are their own mirror image modulo its length: the first, and the middle of an even one.
    private static Tensor Mirroring(int length)
    {
        var places = arange(length, dtype: ScalarType.Int64);
        return (2 * places % length).eq(0).to_type(ScalarType.Float64);
    }

    // Z[-r, -c] conjugated, where rows count modulo their number; columns are only reversed unless they too are rolled.
    private static Tensor Mirror(Tensor spectrum, int columns) => spectrum.flip(-2, -1).roll([1, columns], [-2, -1]).conj();

    // The sum over the aliases of a Hermitian spectrum, given its left half: [B, k, c, 2H, W+1] → [B, k, c, h, w].
    private Tensor FoldAliases(Tensor half)
    {
        // Rows first: that leaves 1/s of the numbers for the completion to the whole spectrum.
        var rows = SumAliases(half, 3, MeasurementHeight); // [.., h, W+1]
        var whole = cat([rows, Mirror(rows.narrow(-1, 1, Image.Width - 1), columns: 0)], -1); // [.., h, 2W]
        return SumAliases(whole, 4, MeasurementWidth);
    }

    // Folds one dimension to its first n places. In the view of pairs of reals, whose sums are twice as fast as complex ones.
    private Tensor SumAliases(Tensor spectrum, int dimension, int n)
    {
        var shape = spectrum.shape.ToList();
        shape[dimension] = n;
        shape.Insert(dimension, Stride);
        return view_as_complex(view_as_real(spectrum).reshape([.. shape, 2]).sum(dimension));
    }

    private static Tensor Computable(Tensor t) => t.dtype == ScalarType.Float64 ? t : t.to_type(ScalarType.Float32);

    private static ScalarType Complex(Tensor real) =>
        real.dtype == ScalarType.Float64 ? ScalarType.ComplexFloat64 : ScalarType.ComplexFloat32;

    private static Tensor AliasMean(Tensor whole, int stride)
    {
        var s = whole.shape;
        return whole.reshape(s[0], s[1], stride, s[2] / stride, stride, s[3] / stride).mean([2, 4]);
    }

    // The kernel in the corner of a canvas, its centre rolled to (kh, kw); transformed and conjugated.
    private static Tensor KernelSpectrum(ImageShape image, Tensor kernel, int stride)
    {
        RequireKernel(image, kernel, stride);
        using var scope = NewDisposeScope();
        var s = kernel.shape;
        var padded = nn.functional.pad(kernel.to_type(ScalarType.Float64), [0, s[3], 0, s[2]]).roll([s[2] / 2, s[3] / 2], [-2, -1]);
        return fft.fft2(padded, [2 * image.Height, 2 * image.Width]).conj().resolve_conj().MoveToOuterDisposeScope();
    }

    private static void RequireKernel(ImageShape image, Tensor kernel, int stride)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        var s = kernel.shape;
        if (s.Length != 4 || (s[1] != 1 && s[1] != image.Channels) || s[2] > image.Height || s[3] > image.Width)
            throw new ArgumentException(
                $"the kernel is [{string.Join(", ", s)}], needed [B, 1 or {image.Channels}, ≤{image.Height}, ≤{image.Width}]"
            );
        if (stride < 1 || 2 * image.Height % stride != 0 || 2 * image.Width % stride != 0)
            throw new ArgumentException(
                $"the stride {stride} does not divide {2 * image.Height} and {2 * image.Width}, twice the image's height and width"
            );
    }
}

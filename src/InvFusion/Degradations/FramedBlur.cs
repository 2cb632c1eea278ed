using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>
/// Blur by a point-spread function as a photograph shows it: the measurement has the image's own frame, y[n] = Σ psf[t]·x[s·n + c - t] along each axis with
/// c = ⌊side/2⌋ (scipy's <c>ndimage.convolve</c>), and a <see cref="BlurBorder"/> says what lies beyond it.
/// </summary>
/// <remarks>
/// Where <see cref="FourierOperator"/> also measures the tails that the blur has outside the frame, this does not. Computed in double. H⁺ is one filter in the
/// spectrum, which a network may ask for in every layer; <see cref="Exact"/> has the pseudo-inverse.
/// </remarks>
public sealed class FramedBlur : LinearOperator
{
    private const double FilterDamping = 1e-3; // of the largest energy

    private readonly Tensor _psf; // [B, c, kh, kw]
    private readonly Tensor _spectrum; // of the correlation with the turned psf on the padded frame: [B, 1, c, h', w'/2 + 1], complex double
    private readonly Tensor _energy; // the diagonal of GGᵀ if the image were periodic: [B, 1, c, h, w], double
    private readonly Tensor _rows; // the pixel that stands at each row of the continued image [H + kh - 1], int64
    private readonly Tensor _columns;
    private readonly Tensor _inside; // 0 where a continued image has nothing: [H + kh - 1, W + kw - 1], double
    private readonly Tensor _seen; // 1 where a pixel is measured: [h, w], double
    private readonly long[] _padded; // h', w'
    private ExactFramedBlur? _exact;

    /// <summary>Creates the operator from point-spread functions.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="psf"><c>[B or 1, 1 or C, kh, kw]</c>, at most the size of the image.</param>
    /// <param name="border">What lies beyond the frame.</param>
    /// <param name="stride">s, which divides H and W: one pixel in s is kept along each axis.</param>
    public FramedBlur(ImageShape image, Tensor psf, BlurBorder border, int stride = 1)
        : base(image, (int)Size(image, psf, border, stride)[0], image.Channels * (image.Height / stride) * (image.Width / stride))
    {
        using var scope = NewDisposeScope();
        (Stride, Border) = (stride, border);
        MeasurementShape = new(image.Channels, image.Height / stride, image.Width / stride);
        int kh = (int)psf.shape[2],
            kw = (int)psf.shape[3];
        var taps = psf.to_type(ScalarType.Float64);
        var (rows, columns) = (Continued(image.Height, kh, border), Continued(image.Width, kw, border));
        _padded = [FastLength(rows.Length), FastLength(columns.Length)];
        _psf = Keep(psf.to_type(ScalarType.Float32));
        _spectrum = Keep(fft.rfft2(taps.flip(-2, -1), _padded).conj().resolve_conj().unsqueeze(1));
        _energy = Keep(Energy(image, taps, stride).unsqueeze(1));
        _rows = Keep(Places(rows, psf.device));
        _columns = Keep(Places(columns, psf.device));
        _inside = Keep(Present(rows, psf.device).unsqueeze(1) * Present(columns, psf.device));
        _seen = Keep(Seen(image.Height, kh, border, stride, psf.device).unsqueeze(1) * Seen(image.Width, kw, border, stride, psf.device));
    }

    private FramedBlur(FramedBlur from, long[] samples)
        : base(from.Image, from.BatchSize == 1 ? 1 : samples.Length, from.MeasurementLength)
    {
        using var scope = NewDisposeScope();
        (Stride, Border, MeasurementShape, _padded) = (from.Stride, from.Border, from.MeasurementShape, from._padded);
        _psf = Keep(Pick(from._psf, samples));
        _spectrum = Keep(Pick(from._spectrum, samples));
        _energy = Keep(Pick(from._energy, samples));
        _rows = Keep(from._rows);
        _columns = Keep(from._columns);
        _inside = Keep(from._inside);
        _seen = Keep(from._seen);
    }

    /// <summary>s: one pixel in s is kept along each axis.</summary>
    public int Stride { get; }

    /// <summary>What lies beyond the frame.</summary>
    public BlurBorder Border { get; }

    /// <inheritdoc/>
    public override ImageShape? MeasurementShape { get; }

    /// <inheritdoc/>
    public override LinearOperator Exact => _exact ??= new ExactFramedBlur(this);

    /// <inheritdoc/>
    protected internal override bool OrthogonalRows => false;

    internal int Pixels => MeasurementShape!.Value.Height * MeasurementShape.Value.Width;

    /// <summary>Channels of the kernels: 1 where all share one.</summary>
    internal long Kernels => _psf.shape[1];

    /// <inheritdoc/>
    public override Tensor Apply(Tensor images)
    {
        RequireImages(images);
        using var scope = NewDisposeScope();
        return Blur(images.to_type(ScalarType.Float64)).flatten(2).to_type(images.dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor measurements)
    {
        using var scope = NewDisposeScope();
        return BlurAdjoint(Unpack(measurements)).to_type(measurements.dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor PseudoInverse(Tensor measurements, double sigmaY = 0)
    {
        using var scope = NewDisposeScope();
        var damping = FilterDamping * _energy.amax([2, 3, 4], keepdim: true) + sigmaY * sigmaY;
        return BlurAdjoint(Filter(Unpack(measurements), _energy + damping)).to_type(measurements.dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <remarks>Solved in pixels of the measurement, preconditioned as if the image were periodic: C and the blur are products then.</remarks>
    internal override Tensor JointCorrection(JointProblem problem)
    {
        var type = problem.Variances.dtype;
        var noise = problem.NoiseVariance(5);
        // In the basis of the channels, where all are blurred alike, else for their mean; f cycles over the image are its cosine 2f.
        var shared = Kernels == 1;
        var (channels, _, _) = problem.Prior.Bases;
        var variances = shared ? problem.Variances : problem.Variances.mean([2], keepdim: true);
        var power = variances.index_select(3, Cosines(Image.Height)).index_select(4, Cosines(Image.Width)).squeeze(1); // [B or 1, C or 1, H, W]
        var strong = Energy(Image, _psf.to_type(ScalarType.Float64), Stride, power).unsqueeze(1) + noise;
        Tensor Covariance(Tensor p) =>
            Blur(problem.Multiply(BlurAdjoint(p.to_type(ScalarType.Float64)).to_type(type)).to_type(ScalarType.Float64)).to_type(type);
        Tensor Precondition(Tensor r)
        {
            if (!shared)
                return Filter(r, strong).to_type(type);
            var filtered = Filter(CosinePrior.Mix(channels, r), strong).to_type(type);
            return CosinePrior.Mix(channels.t(), filtered.contiguous());
        }
        var residual = Unpack(problem.Measurements) - Blur(problem.MeanImages().to_type(ScalarType.Float64));
        var u = problem.Solve(p => Covariance(p) + p * noise, residual.to_type(type).contiguous(), Precondition);
        return problem.Corrected(BlurAdjoint(u.to_type(ScalarType.Float64)).to_type(type));

        Tensor Cosines(int length)
        {
            var cycles = arange(length, dtype: ScalarType.Int64, device: _psf.device);
            return (2 * cycles.minimum(length - cycles)).clamp_max(length - 1);
        }
    }

    /// <inheritdoc/>
    internal override Tensor PriorMean(CosinePrior prior, Tensor measurements, Tensor sigmaY)
    {
        if (Border == BlurBorder.Valid)
            return base.PriorMean(prior, measurements, sigmaY);
        var spectrum = fft.rfft2(_psf.to_type(ScalarType.Float64), [2 * Image.Height, 2 * Image.Width]).unsqueeze(1);
        var power = (spectrum * spectrum.conj()).real / (Stride * Stride);
        return BlurEstimate.OnImages(prior, Blur, BlurAdjoint, Unpack(measurements), power, sigmaY);
    }

    /// <summary>Noise of the measured pixels.</summary>
    public override Tensor Noise(Tensor normals)
    {
        using var scope = NewDisposeScope();
        return (View(normals)! * _seen.to_type(normals.dtype)).flatten(2).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <remarks>What a picture shows in a border that is not measured does not count.</remarks>
    public override Tensor FromView(Tensor picture, double sigmaY = 0)
    {
        using var scope = NewDisposeScope();
        return base.FromView(picture * _seen.to_type(picture.dtype)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override LinearOperator Select(params ReadOnlySpan<long> samples) => new FramedBlur(this, samples.ToArray());

    /// <inheritdoc/>
    public override Tensor Picture()
    {
        using var scope = NewDisposeScope();
        var positive = _psf.clamp_min(0);
        return (positive / positive.amax([1, 2, 3], keepdim: true).clamp_min(1e-12)).MoveToOuterDisposeScope();
    }

    /// <summary>G x: double <c>[B, k, C, H, W]</c> → <c>[B, k, C, h, w]</c>.</summary>
    internal Tensor Blur(Tensor images)
    {
        using var scope = NewDisposeScope();
        var continued = images.index_select(3, _rows).index_select(4, _columns) * _inside;
        var blurred = fft.irfft2(fft.rfft2(continued, _padded) * _spectrum, _padded);
        return (blurred.slice(3, 0, Image.Height, Stride).slice(4, 0, Image.Width, Stride) * _seen).MoveToOuterDisposeScope();
    }

    /// <summary>Gᵀ p: double <c>[B, k, C, h, w]</c> → <c>[B, k, C, H, W]</c>.</summary>
    internal Tensor BlurAdjoint(Tensor pixels)
    {
        using var scope = NewDisposeScope();
        var (b, k, c) = (pixels.shape[0], pixels.shape[1], pixels.shape[2]);
        var whole = pixels * _seen;
        if (Stride > 1)
        {
            var spread = zeros([b, k, c, pixels.shape[3], Stride, pixels.shape[4], Stride], dtype: pixels.dtype, device: pixels.device);
            spread.select(6, 0).select(4, 0).copy_(whole);
            whole = spread.view(b, k, c, Image.Height, Image.Width);
        }
        var continued = fft.irfft2(fft.rfft2(whole, _padded) * _spectrum.conj(), _padded);
        continued = continued.narrow(3, 0, _rows.shape[0]).narrow(4, 0, _columns.shape[0]) * _inside;
        var rows = zeros([b, k, c, Image.Height, _columns.shape[0]], dtype: pixels.dtype, device: pixels.device);
        rows = rows.index_add(3, _rows, continued, 1);
        var images = zeros([b, k, c, Image.Height, Image.Width], dtype: pixels.dtype, device: pixels.device);
        return images.index_add(4, _columns, rows, 1).MoveToOuterDisposeScope();
    }

    /// <summary>What would be (GGᵀ + δ)⁻¹ p if the image were periodic.</summary>
    internal Tensor Filter(Tensor pixels, Tensor energy) => fft.ifft2(fft.fft2(pixels * _seen) / energy).real * _seen; // symmetric: what is not measured counts nowhere

    /// <summary>The diagonal of GGᵀ if the image were periodic, <c>[B, 1, c, h, w]</c>.</summary>
    internal Tensor PeriodicEnergy => _energy;

    /// <summary>Measurements <c>[B, k, O]</c> → double <c>[B, k, C, h, w]</c>.</summary>
    internal Tensor Unpack(Tensor measurements)
    {
        RequireMeasurements(measurements);
        return View(measurements)!.to_type(ScalarType.Float64);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _exact?.Dispose();
        foreach (var tensor in (Tensor[])[_psf, _spectrum, _energy, _rows, _columns, _inside, _seen])
            tensor.Dispose();
        base.Dispose(disposing);
    }

    // |F|², times a power where one is given, averaged over the aliases: [B, c, kh, kw] → [B, c, h, w].
    private static Tensor Energy(ImageShape image, Tensor taps, int stride, Tensor? power = null)
    {
        var spectrum = fft.fft2(taps, [image.Height, image.Width]);
        var energy = (spectrum * spectrum.conj()).real;
        if (power is not null)
            energy = energy * power;
        var s = energy.shape;
        return energy.reshape(s[0], s[1], stride, s[2] / stride, stride, s[3] / stride).mean([2, 4]);
    }

    // Row n of the blurred image is the sum of the turned kernel's taps i over row n + i of the continued one.
    private static int?[] Continued(int length, int taps, BlurBorder border)
    {
        var before = taps - 1 - taps / 2;
        return [.. Enumerable.Range(0, length + taps - 1).Select(i => FrameBorder.Source(i - before, length, border))];
    }

    private static Tensor Places(int?[] sources, Device device) => tensor(Array.ConvertAll(sources, s => (long)(s ?? 0)), device: device);

    private static Tensor Present(int?[] sources, Device device) =>
        tensor(Array.ConvertAll(sources, s => s is null ? 0.0 : 1.0), device: device);

    private static Tensor Seen(int length, int taps, BlurBorder border, int stride, Device device)
    {
        int before = taps - 1 - taps / 2,
            after = taps / 2;
        bool Whole(int at) => border != BlurBorder.Valid || (at >= before && at + after < length);
        return tensor(Enumerable.Range(0, length / stride).Select(n => Whole(n * stride) ? 1.0 : 0.0).ToArray(), device: device);
    }

    // The next length whose transform is fast.
    private static long FastLength(int length)
    {
        for (var n = length; ; n++)
        {
            var rest = n;
            foreach (var factor in (int[])[2, 3, 5, 7])
                while (rest % factor == 0)
                    rest /= factor;
            if (rest == 1)
                return n;
        }
    }

    private static long[] Size(ImageShape image, Tensor psf, BlurBorder border, int stride)
    {
        ArgumentNullException.ThrowIfNull(psf);
        var s = psf.shape;
        if (s.Length != 4 || (s[1] != 1 && s[1] != image.Channels) || s[2] > image.Height || s[3] > image.Width)
            throw new ArgumentException(
                $"the kernel is [{string.Join(", ", s)}], needed [B, 1 or {image.Channels}, ≤{image.Height}, ≤{image.Width}]"
            );
        if (stride < 1 || image.Height % stride != 0 || image.Width % stride != 0)
            throw new ArgumentException($"the stride {stride} does not divide the image's height {image.Height} and width {image.Width}");
        FrameBorder.Require(border, (int)s[2], image.Height);
        FrameBorder.Require(border, (int)s[3], image.Width);
        return s;
    }
}

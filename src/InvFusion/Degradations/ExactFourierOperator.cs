using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>A <see cref="FourierOperator"/> whose pseudo-inverse is exact on images, not on the doubled canvas. All of it is computed in double.</summary>
/// <remarks>
/// With G the blur and decimation in pixels, y = FFT(G x) and H⁺ = Gᵀ(GGᵀ)⁺·Re IFFT. A small GGᵀ is decomposed once, with a sharp cutoff, and obeys every
/// law of a pseudo-inverse; a larger one is factorised, damped by its cutoff. For those that are larger still conjugate gradients stop after a fixed number of steps
/// (<see cref="FourierLeastSquares"/>).
/// </remarks>
internal sealed class ExactFourierOperator(FourierOperator network, int largestDense = ExactFourierOperator.LargestDense)
    : LinearOperator(network.Image, network.BatchSize, network.MeasurementLength)
{
    /// <summary>The most pixels of a measurement for which GGᵀ is decomposed.</summary>
    public const int LargestDense = 1024;

    private GramInverse? _gram;
    private bool _ownsNetwork;

    /// <inheritdoc/>
    public override double NoiseGain => network.NoiseGain;

    private int Pixels => network.MeasurementHeight * network.MeasurementWidth;

    /// <inheritdoc/>
    public override Tensor Apply(Tensor images)
    {
        using var scope = NewDisposeScope();
        return network.Apply(images.to_type(ScalarType.Float64)).to_type(images.dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor measurements)
    {
        using var scope = NewDisposeScope();
        return network.Adjoint(measurements.to_type(ScalarType.Float64)).to_type(measurements.dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <remarks>Damped as Gᵀ(GGᵀ + σ_y²)⁻¹, σ_y in pixels. Differentiable where GGᵀ is small enough to be decomposed.</remarks>
    public override Tensor PseudoInverse(Tensor measurements, double sigmaY = 0)
    {
        using var scope = NewDisposeScope();
        // Of a large image a few steps are taken, which leave more than single precision does.
        var y = measurements.to_type(LeastSquaresSteps.IsLarge(Image) ? ScalarType.Float32 : ScalarType.Float64);
        var x =
            Pixels > largestDense
                ? FourierLeastSquares.PseudoInverse(network, y, sigmaY, LeastSquaresSteps.Of(Image))
                : network.BlurAdjoint((_gram ??= GramInverse.Of(BatchSize, Gram)).Solve(fft.ifft2(network.Unpack(y)).real, sigmaY));
        return x.to_type(measurements.dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    internal override Tensor EstimateFromPrior(Tensor measurements, int steps, Tensor sigmaY) =>
        network.EstimateFromPrior(measurements, steps, sigmaY);

    /// <inheritdoc/>
    internal override Tensor PriorMean(CosinePrior prior, Tensor measurements, Tensor sigmaY) =>
        network.PriorMean(prior, measurements, sigmaY);

    /// <inheritdoc/>
    internal override Tensor ColumnEnergy(Device device) => network.ColumnEnergy(device);

    /// <inheritdoc/>
    internal override Tensor JointCorrection(JointProblem problem) => network.JointCorrection(problem);

    /// <inheritdoc/>
    public override Tensor Noise(Tensor normals) => network.Noise(normals);

    /// <inheritdoc/>
    public override Tensor NoiseVariance(Device device) => network.NoiseVariance(device);

    /// <inheritdoc/>
    public override Tensor View(Tensor measurements) => network.View(measurements);

    /// <inheritdoc/>
    public override ImageShape? ViewShape => network.ViewShape;

    /// <inheritdoc/>
    public override Tensor FromView(Tensor picture, double sigmaY = 0) => network.FromView(picture, sigmaY);

    /// <inheritdoc/>
    public override Tensor Picture() => network.Picture();

    /// <inheritdoc/>
    public override LinearOperator Select(params ReadOnlySpan<long> samples) =>
        new ExactFourierOperator((FourierOperator)network.Select(samples), largestDense) { _ownsNetwork = true };

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _gram?.Dispose();
        if (_ownsNetwork)
            network.Dispose();
        base.Dispose(disposing);
    }

    // GGᵀ of one sample, [c, m, m]. With k the blur's own taps on the canvas, which is circular, its number at (a, b), (a', b') is
    // Σ_p Σ_q k[sa - p, sb - q]·k[sa' - p, sb' - q]: the sums over columns q depend on the two rows of k alone, those over p are a window of them.
    private Tensor Gram(int sample)
    {
        var (height, width) = (Image.Height, Image.Width);
        var (stride, h, w) = (network.Stride, network.MeasurementHeight, network.MeasurementWidth);
        var spectrum = network.Spectrum.select(0, sample).select(0, 0).to_type(ScalarType.ComplexFloat64);
        var taps = fft.irfft2(spectrum, [2 * height, 2 * width]); // [c, 2H, 2W]
        var c = taps.shape[0];
        var places = arange(2 * height, dtype: ScalarType.Int64, device: taps.device);
        var columns = taps.index_select(2, Offsets(w, width).flatten()).view(c * 2 * height, w, width);
        // Whether row i of k is one of those of place a: i = sa - p for a p of the image.
        var window = (stride * arange(h, dtype: ScalarType.Int64, device: taps.device).unsqueeze(1) - places)
            .remainder(2 * height)
            .lt(height)
            .to_type(ScalarType.Float64); // [h, 2H]
        var blocks = new Tensor[h]; // by a' - a
        for (var step = 0; step < h; step++)
        {
            using var inner = NewDisposeScope();
            var others = columns.view(c, 2 * height, w, width).roll((long[])[-stride * step], (long[])[1]).reshape(columns.shape);
            var products = bmm(columns, others.transpose(1, 2)).view(c, 2 * height, w * w);
            blocks[step] = window.unsqueeze(0).expand(c, -1, -1).bmm(products).MoveToOuterDisposeScope(); // [c, h, w·w]
        }
        var row = arange(h, dtype: ScalarType.Int64, device: taps.device);
        var index = ((row.unsqueeze(0) - row.unsqueeze(1)).remainder(h) * h + row.unsqueeze(1)).flatten(); // [a, a'] of (a' - a, a)
        var gram = stack(blocks, 1).view(c, h * h, w * w).index_select(1, index).view(c, h, h, w, w); // [c, a, a', b, b']
        var matrix = gram.permute(0, 1, 3, 2, 4).reshape(c, Pixels, Pixels);
        return network.MixColor ? matrix.sum(0, keepdim: true) * (Image.Channels / c) : matrix;

        // From pixel p of an image to place a of the measurement: s·a - p.
        Tensor Offsets(int measured, int length) =>
            (
                stride * arange(measured, dtype: ScalarType.Int64, device: taps.device).unsqueeze(1)
                - arange(length, dtype: ScalarType.Int64, device: taps.device)
            ).remainder(2 * length);
    }
}

using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>A <see cref="FourierOperator"/> whose pseudo-inverse is exact on images, not on the doubled canvas. All of it is computed in double.</summary>
/// <remarks>
/// With G the blur and decimation in pixels, y = FFT(G x) and H⁺ = Gᵀ(GGᵀ)⁺·Re IFFT. A small GGᵀ is decomposed once, with a sharp cutoff, and obeys every
/// law of a pseudo-inverse. For a large one conjugate gradients stop after a fixed number of steps (<see cref="FourierLeastSquares"/>).
/// </remarks>
internal sealed class ExactFourierOperator(FourierOperator network, int largestDense = ExactFourierOperator.LargestDense)
    : LinearOperator(network.Image, network.BatchSize, network.MeasurementLength)
{
    /// <summary>The most pixels of a measurement for which GGᵀ is decomposed.</summary>
    public const int LargestDense = 1024;

    private const int Steps = 100;
    private const int PolishingSteps = 50;

    // Blur shrinks some directions to nothing: below this fraction of ‖H‖ they count as lost.
    private const double Cutoff = 1e-5;

    private (Tensor Values, Tensor Vectors)? _gram; // [B, c, m] and [B, c, m, m], m = h·w
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
        var y = measurements.to_type(ScalarType.Float64);
        var x =
            Pixels > largestDense
                ? FourierLeastSquares.PseudoInverse(network, y, sigmaY, Steps, PolishingSteps)
                : network.BlurAdjoint(Solve(fft.ifft2(network.Unpack(y)).real, sigmaY)); // [B, k, C, h, w] pixels
        return x.to_type(measurements.dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    internal override Tensor EstimateFromPrior(Tensor measurements, int steps, Tensor sigmaY) =>
        network.EstimateFromPrior(measurements, steps, sigmaY);

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
        _gram?.Values.Dispose();
        _gram?.Vectors.Dispose();
        if (_ownsNetwork)
            network.Dispose();
        base.Dispose(disposing);
    }

    private Tensor Solve(Tensor pixels, double sigmaY)
    {
        var (values, vectors) = _gram ??= Decompose();
        var floor = Cutoff * Cutoff * values.amax([-1], keepdim: true);
        var filter = where(values > floor, 1 / (values + sigmaY * sigmaY), zeros_like(values)).unsqueeze(1); // [B, 1, c, m]
        var batch = BatchSize == 1 ? "z" : "b";
        var (flat, kernel) = (pixels.flatten(3), vectors.shape[1] == 1 ? "y" : "c");
        var spectral = einsum($"{batch}{kernel}pq,bkcp->bkcq", vectors, flat) * filter;
        return einsum($"{batch}{kernel}pq,bkcq->bkcp", vectors, spectral).reshape(pixels.shape);
    }

    // GGᵀ column by column, a block of unit pixels at a time; channels that share a kernel share it.
    private (Tensor Values, Tensor Vectors) Decompose()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var shared = network.Kernel.shape[1] == 1 && !network.MixColor;
        using var one = shared ? network.OneChannel() : null;
        var op = one ?? network;
        long[] block = [BatchSize, -1, op.MeasurementChannels, op.MeasurementHeight, op.MeasurementWidth];
        var columns = new List<Tensor>();
        var units = eye(Pixels, dtype: ScalarType.Float64, device: network.Kernel.device);
        foreach (var part in units.split(64))
        {
            using var inner = NewDisposeScope();
            var pixels = part.reshape(1, -1, 1, block[3], block[4]).expand(block[0], -1, block[2], -1, -1);
            columns.Add(op.Blur(op.BlurAdjoint(pixels)).flatten(3).MoveToOuterDisposeScope());
        }
        var (values, vectors) = linalg.eigh(cat(columns, 1).transpose(1, 2));
        return (Keep(values), Keep(vectors));
    }
}

using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>The same H as a <see cref="FramedBlur"/>, with the Moore-Penrose pseudo-inverse: by decomposition for small images, by conjugate gradients for others.</summary>
internal sealed class ExactFramedBlur(FramedBlur blur) : LinearOperator(blur.Image, blur.BatchSize, blur.MeasurementLength)
{
    private GramInverse? _gram;
    private bool _ownsBlur;

    /// <inheritdoc/>
    public override ImageShape? MeasurementShape => blur.MeasurementShape;

    /// <inheritdoc/>
    protected internal override bool OrthogonalRows => false;

    /// <inheritdoc/>
    public override Tensor Apply(Tensor images) => blur.Apply(images);

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor measurements) => blur.Adjoint(measurements);

    /// <inheritdoc/>
    public override Tensor PseudoInverse(Tensor measurements, double sigmaY = 0)
    {
        using var scope = NewDisposeScope();
        var y = blur.Unpack(measurements);
        var x =
            blur.Pixels <= GramInverse.LargestExact
                ? blur.BlurAdjoint((_gram ??= GramInverse.Of(BatchSize, Gram)).Solve(y, sigmaY))
                : FourierLeastSquares.Solve(
                    new(blur.Blur, blur.BlurAdjoint, (r, strong) => blur.Filter(r, strong)),
                    y.detach(),
                    blur.PeriodicEnergy,
                    sigmaY,
                    LeastSquaresSteps.Of(blur.Image)
                );
        return x.to_type(measurements.dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    internal override Tensor JointCorrection(JointProblem problem) => blur.JointCorrection(problem);

    /// <inheritdoc/>
    internal override Tensor PriorMean(CosinePrior prior, Tensor measurements, Tensor sigmaY) =>
        blur.PriorMean(prior, measurements, sigmaY);

    /// <inheritdoc/>
    public override Tensor Noise(Tensor normals) => blur.Noise(normals);

    /// <inheritdoc/>
    public override Tensor FromView(Tensor picture, double sigmaY = 0) => blur.FromView(picture, sigmaY);

    /// <inheritdoc/>
    public override Tensor Picture() => blur.Picture();

    /// <inheritdoc/>
    public override LinearOperator Select(params ReadOnlySpan<long> samples) =>
        new ExactFramedBlur((FramedBlur)blur.Select(samples)) { _ownsBlur = true };

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _gram?.Dispose();
        if (_ownsBlur)
            blur.Dispose();
        base.Dispose(disposing);
    }

    // GGᵀ of one sample, [c, m, m]: from what the unit pixels of the measurement see.
    private Tensor Gram(int sample)
    {
        using var one = (FramedBlur)blur.Select(sample);
        var (_, height, width) = blur.MeasurementShape!.Value;
        var units = eye(blur.Pixels, dtype: ScalarType.Float64).reshape(1, -1, 1, height, width);
        var seen = one.BlurAdjoint(units.expand(-1, -1, blur.Kernels, -1, -1)).flatten(3).squeeze(0).transpose(0, 1); // [c, m, H·W]
        return bmm(seen, seen.transpose(1, 2));
    }
}

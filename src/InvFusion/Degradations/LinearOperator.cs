using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>
/// A batch of known linear measurement operators H, one per sample (or one for all). An operator has no state that a call could change: the layout of the
/// input decides that of the output. To add one's own, derive from this class and give <see cref="Apply"/>, <see cref="Adjoint"/> and, unless conjugate
/// gradients are good enough, <see cref="PseudoInverse"/>.
/// </summary>
/// <remarks>Every method returns a fresh tensor that the caller owns, never disposes its inputs, and is differentiable.</remarks>
public abstract class LinearOperator : IDisposable
{
    /// <summary>Creates an operator for images of one shape.</summary>
    /// <param name="image">Shape of one image; feature images share its height, width and channels.</param>
    /// <param name="batchSize">Number of samples, or 1 when the same operator serves every sample.</param>
    /// <param name="measurementLength">O, the length of one measurement.</param>
    protected LinearOperator(ImageShape image, int batchSize, int measurementLength)
    {
        Image = image;
        BatchSize = batchSize;
        MeasurementLength = measurementLength;
    }

    /// <summary>Shape of one image.</summary>
    public ImageShape Image { get; }

    /// <summary>Number of samples, or 1 when the same operator serves every sample.</summary>
    public int BatchSize { get; }

    /// <summary>O, the length of one measurement.</summary>
    public int MeasurementLength { get; }

    /// <summary>y = H x for k image-like groups of each sample: <c>[B, k, C, H, W]</c> → <c>[B, k, O]</c>.</summary>
    public abstract Tensor Apply(Tensor images);

    /// <summary>x = Hᵀ y: <c>[B, k, O]</c> → <c>[B, k, C, H, W]</c>.</summary>
    public abstract Tensor Adjoint(Tensor measurements);

    /// <summary>x = H⁺ y, the Moore-Penrose pseudo-inverse, damped where σ_y &gt; 0: <c>[B, k, O]</c> → <c>[B, k, C, H, W]</c>.</summary>
    /// <param name="measurements">Measurements <c>[B, k, O]</c>.</param>
    /// <param name="sigmaY">Standard deviation of the measurement noise, in units of the images.</param>
    public virtual Tensor PseudoInverse(Tensor measurements, double sigmaY = 0) =>
        ConjugateGradients.PseudoInverse(this, measurements, sigmaY);

    /// <summary>
    /// The operator with a pseudo-inverse that is exact on images. It is this operator itself, except for Fourier operators, whose own
    /// <see cref="PseudoInverse"/> (the one the network is trained with) is exact only on their doubled canvas. The result shares this operator's tensors.
    /// </summary>
    public virtual LinearOperator Exact => this;

    /// <summary>The operator of some of the samples, in the given order, as a new operator that the caller owns.</summary>
    public abstract LinearOperator Select(params ReadOnlySpan<long> samples);

    /// <summary>A picture <c>[B, 1 or 3, h, w]</c> in [0, 1] that shows what the operator does (its mask or kernel), or null when there is none.</summary>
    public virtual Tensor? Picture() => null;

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases the operator's tensors.</summary>
    protected virtual void Dispose(bool disposing) { }
}

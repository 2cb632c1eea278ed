using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>
/// The Gaussian prior of images of <see cref="PicturePrior"/> in the basis of the cosine transform over rows, columns and channels, in which its covariance C is
/// diagonal: what adds white noise, or takes it away, stays diagonal too.
/// </summary>
/// <remarks>
/// Cosine k of n pixels has k cycles over twice the image, so the power law is the same; images continue by reflection here, where the doubled canvas of
/// <see cref="PicturePrior"/> continues them by nothing. Of the channels the first basis vector is their mean.
/// </remarks>
internal sealed class CosinePrior : IDisposable
{
    private readonly Tensor[] _bases; // channels [C, C], rows [H, H], columns [W, W]

    /// <summary>The prior of images of one shape.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="type">Float32 or double.</param>
    /// <param name="device">Where it is computed.</param>
    public CosinePrior(ImageShape image, ScalarType type, Device device)
    {
        using var scope = NewDisposeScope();
        Image = image;
        int[] lengths = [image.Channels, image.Height, image.Width];
        _bases = [.. lengths.Select(n => CosineTransform.Matrix(n).to(type, device).DetachFromDisposeScope())];
        var power = (1 + Squares(image.Height).unsqueeze(1) + Squares(image.Width)).pow(PicturePrior.Exponent);
        power = power * (PicturePrior.Variance / power.mean());
        var channels = full([image.Channels], 1 - PicturePrior.Correlation, dtype: ScalarType.Float64);
        channels[0] += PicturePrior.Correlation * image.Channels;
        Variances = (channels.view(-1, 1, 1) * power).to(type, device).DetachFromDisposeScope();

        static Tensor Squares(int count) => arange(count, dtype: ScalarType.Float64).square();
    }

    /// <summary>Shape of one image.</summary>
    public ImageShape Image { get; }

    /// <summary>The diagonal of C, <c>[C, H, W]</c>.</summary>
    public Tensor Variances { get; }

    /// <summary>The basis of the channels, rows and columns: <c>[n, n]</c>, a row for each basis vector.</summary>
    public (Tensor Channels, Tensor Rows, Tensor Columns) Bases => (_bases[0], _bases[1], _bases[2]);

    /// <summary>Images <c>[…, C, H, W]</c> → coefficients of the same shape.</summary>
    public Tensor Transform(Tensor images)
    {
        using var scope = NewDisposeScope();
        return Mix(_bases[0], CosineTransform.Sides(images, _bases[1], _bases[2])).MoveToOuterDisposeScope();
    }

    /// <summary>Coefficients <c>[…, C, H, W]</c> → images of the same shape, contiguous.</summary>
    public Tensor Inverse(Tensor coefficients)
    {
        using var scope = NewDisposeScope();
        using Tensor rows = _bases[1].t(),
            columns = _bases[2].t(),
            channels = _bases[0].t();
        return CosineTransform.Sides(Mix(channels, coefficients), rows, columns).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>
    /// The mean variance of a pixel of x₀ given x₀ + σ n under this prior, tr(C⁻¹ + I/σ²)⁻¹/n: <c>[B]</c> → <c>[B]</c>. It rises from σ² to the variance of
    /// a pixel.
    /// </summary>
    public Tensor ResidualVariance(Tensor sigma)
    {
        using var scope = NewDisposeScope();
        var variance = sigma.to_type(Variances.dtype).square().view(-1, 1, 1, 1);
        return (Variances * variance / (Variances + variance)).mean([1, 2, 3]).MoveToOuterDisposeScope();
    }

    /// <summary>A matrix on the channels of images <c>[…, C, H, W]</c>.</summary>
    public static Tensor Mix(Tensor matrix, Tensor images)
    {
        var s = images.shape;
        var flat = images.reshape(-1, s[^3], s[^2] * s[^1]);
        return bmm(matrix.unsqueeze(0).expand(flat.shape[0], -1, -1), flat).view(s);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Variances.Dispose();
        foreach (var basis in _bases)
            basis.Dispose();
    }
}

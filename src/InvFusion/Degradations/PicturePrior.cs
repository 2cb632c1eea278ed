using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>
/// What is known of a picture before anything is measured, as a Gaussian of mean 0 and covariance C: its power falls with the frequency, and its channels
/// are nearly the same picture.
/// </summary>
/// <remarks>
/// C is a product of spectrum S(f) = (1 + f²)^-1.25, f in cycles over a doubled canvas (Field, "Relations between the statistics of natural images", 1987, has the
/// power law), and of the channels' correlation 0.9; a pixel's variance is <see cref="Variance"/>. The canvas keeps opposite borders from meeting.
/// </remarks>
internal sealed class PicturePrior : IDisposable
{
    internal const double Exponent = -1.25;
    internal const double Correlation = 0.9;

    /// <summary>Variance of one pixel: (σ_data of EDM)².</summary>
    internal const double Variance = 0.25;

    private readonly ImageShape _image;
    private readonly Tensor _inverse;

    /// <summary>The prior of images of one shape.</summary>
    public PicturePrior(ImageShape image, ScalarType type, Device device)
    {
        using var scope = NewDisposeScope();
        _image = image;
        var rows = Squares(2 * image.Height, 2 * image.Height).unsqueeze(1);
        var power = (1 + rows + Squares(2 * image.Width, image.Width + 1)).pow(Exponent);
        // The mean of S over the canvas is a pixel's variance; all but the first and last of the columns stand for two.
        var whole = 2 * power.sum() - power.narrow(1, 0, 1).sum() - power.narrow(1, image.Width, 1).sum();
        power = power * (Variance * 4 * image.Height * image.Width) / whole;
        Spectrum = power.to(type, device).DetachFromDisposeScope();
        _inverse = (1 / power).to(type, device).DetachFromDisposeScope();

        // Of the first frequencies of n: those of the second half are negative.
        static Tensor Squares(int n, int count)
        {
            var places = arange(count, dtype: ScalarType.Float64);
            return places.minimum(n - places).square();
        }
    }

    /// <summary>S, the left half of it: <c>[2H, W+1]</c>.</summary>
    public Tensor Spectrum { get; }

    /// <summary>C x for images <c>[…, C, H, W]</c>.</summary>
    public Tensor Multiply(Tensor images) => Filter(MixChannels(images), Spectrum);

    /// <summary>Nearly C⁻¹ x (exactly that on the canvas).</summary>
    public Tensor Divide(Tensor images) => Filter(UnmixChannels(images), _inverse);

    /// <summary>The channels' part of C alone, for real or complex <c>[…, C, h, w]</c>.</summary>
    public static Tensor MixChannels(Tensor images) => images * (1 - Correlation) + images.sum(-3, keepdim: true) * Correlation;

    /// <summary>The inverse of <see cref="MixChannels"/>.</summary>
    public Tensor UnmixChannels(Tensor images)
    {
        var shared = Correlation / (1 - Correlation + Correlation * _image.Channels);
        return (images - images.sum(-3, keepdim: true) * shared) / (1 - Correlation);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Spectrum.Dispose();
        _inverse.Dispose();
    }

    private Tensor Filter(Tensor images, Tensor spectrum)
    {
        using var scope = NewDisposeScope();
        return DoubledCanvas.Image(DoubledCanvas.Spectrum(images) * spectrum, _image.Height, _image.Width).MoveToOuterDisposeScope();
    }
}

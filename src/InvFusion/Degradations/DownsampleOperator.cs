using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>A smaller image: the mean of blocks, or antialiased bicubic resampling.</summary>
/// <remarks>Means of blocks are local, see <see cref="LinearOperator.WindowStep"/>; a bicubic pixel sees neighbouring blocks too.</remarks>
public sealed class DownsampleOperator : SeparableOperator
{
    private readonly int _factor;
    private readonly bool _bicubic;
    private readonly Device? _device;

    /// <summary>Creates the operator.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="factor">How many times smaller; divides the height and the width.</param>
    /// <param name="bicubic">Keys' cubic (a = -1/2), widened by the factor, instead of the mean of blocks.</param>
    /// <param name="device">Where the operator lives; the CPU when null.</param>
    public DownsampleOperator(ImageShape image, int factor, bool bicubic = true, Device? device = null)
        : base(image, Weights(image.Height, factor, bicubic), Weights(image.Width, factor, bicubic), device) =>
        (_factor, _bicubic, _device) = (factor, bicubic, device);

    private DownsampleOperator(DownsampleOperator from)
        : base(from) => (_factor, _bicubic, _device) = (from._factor, from._bicubic, from._device);

    /// <inheritdoc/>
    public override LinearOperator Select(params ReadOnlySpan<long> samples) => new DownsampleOperator(this);

    /// <inheritdoc/>
    public override int? WindowStep => _bicubic ? null : _factor;

    /// <inheritdoc/>
    public override LinearOperator Window(ImageWindow window) =>
        _bicubic ? base.Window(window) : new DownsampleOperator(Image.Of(window), _factor, bicubic: false, _device);

    private static double[,] Weights(int length, int factor, bool bicubic)
    {
        if (factor < 1 || length % factor != 0)
            throw new ArgumentException($"the scale factor {factor} does not divide {length} pixels");
        var weights = new double[length / factor, length];
        for (var target = 0; target < length / factor; target++)
        {
            var centre = (target + 0.5) * factor;
            var sum = 0.0;
            for (var source = 0; source < length; source++)
            {
                var x = (source + 0.5 - centre) / factor;
                sum += weights[target, source] =
                    bicubic ? Cubic(Math.Abs(x))
                    : Math.Abs(x) < 0.5 ? 1
                    : 0;
            }
            for (var source = 0; source < length; source++)
                weights[target, source] /= sum; // at the borders the kernel is cut
        }
        return weights;
    }

    private static double Cubic(double x) =>
        x < 1 ? (1.5 * x - 2.5) * x * x + 1
        : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2
        : 0;
}

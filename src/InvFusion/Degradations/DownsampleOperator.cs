using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>A smaller image: the mean of blocks, or antialiased bicubic resampling.</summary>
public sealed class DownsampleOperator : SeparableOperator
{
    /// <summary>Creates the operator.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="factor">How many times smaller; divides the height and the width.</param>
    /// <param name="bicubic">Keys' cubic (a = -1/2), widened by the factor, instead of the mean of blocks.</param>
    /// <param name="device">Where the operator lives; the CPU when null.</param>
    public DownsampleOperator(ImageShape image, int factor, bool bicubic = true, Device? device = null)
        : base(image, Weights(image.Height, factor, bicubic), Weights(image.Width, factor, bicubic), device) { }

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

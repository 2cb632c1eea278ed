using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>A blur of the image's own size, along rows and columns in turn.</summary>
public sealed class SeparableBlur : SeparableOperator
{
    private SeparableBlur(ImageShape image, double[] taps, bool reflect, Device? device)
        : base(image, Matrix(image.Height, taps, reflect), Matrix(image.Width, taps, reflect), device) { }

    /// <summary>A Gaussian blur, cut at four standard deviations.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="sigma">Standard deviation in pixels.</param>
    /// <param name="reflect">Mirrors the image at its borders (the border pixel itself once) instead of taking zeros beyond them.</param>
    /// <param name="device">Where the operator lives; the CPU when null.</param>
    public static SeparableBlur Gaussian(ImageShape image, double sigma, bool reflect = true, Device? device = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sigma);
        var reach = Math.Max(1, (int)Math.Ceiling(4 * sigma));
        var taps = Enumerable.Range(-reach, 2 * reach + 1).Select(t => Math.Exp(-t * t / (2 * sigma * sigma))).ToArray();
        return new SeparableBlur(image, taps, reflect, device);
    }

    /// <summary>The mean over a square.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="width">Side of the square in pixels, odd.</param>
    /// <param name="reflect">As for <see cref="Gaussian"/>.</param>
    /// <param name="device">Where the operator lives; the CPU when null.</param>
    public static SeparableBlur Uniform(ImageShape image, int width, bool reflect = true, Device? device = null)
    {
        if (width < 1 || width % 2 == 0)
            throw new ArgumentException($"the width {width} of a uniform blur is not odd and positive");
        return new SeparableBlur(image, [.. Enumerable.Repeat(1.0, width)], reflect, device);
    }

    // One row per pixel: the taps around it, summing to 1; what falls beyond a border is mirrored back or dropped.
    private static double[,] Matrix(int length, double[] taps, bool reflect)
    {
        var (matrix, sum) = (new double[length, length], taps.Sum());
        for (var row = 0; row < length; row++)
        for (var t = 0; t < taps.Length; t++)
        {
            var at = row + t - taps.Length / 2;
            if (reflect)
                at = Mirror(at, length);
            if (at >= 0 && at < length)
                matrix[row, at] += taps[t] / sum;
        }
        return matrix;
    }

    private static int Mirror(int at, int length)
    {
        var period = Math.Max(1, 2 * (length - 1));
        var folded = (at % period + period) % period;
        return Math.Min(folded, period - folded);
    }
}

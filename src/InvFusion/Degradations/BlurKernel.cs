namespace InvFusion.Degradations;

/// <summary>Blur kernels of odd sides, centred on the middle tap, index n/2, and normalised to sum 1.</summary>
internal static class BlurKernel
{
    /// <summary>The side of a kernel that reaches so many pixels from its centre: odd, and cut to what fits into an image's side.</summary>
    public static int Side(double reach, int length) => Math.Min(2 * (int)Math.Ceiling(reach) + 1, (length - 1) / 2 * 2 + 1);

    /// <summary>A Gaussian, sampled at the centres of the pixels.</summary>
    /// <param name="sigma">Standard deviation in pixels, positive.</param>
    /// <param name="width">Odd.</param>
    /// <param name="height">Odd.</param>
    /// <returns><c>[height, width]</c>, row by row.</returns>
    public static float[] Gaussian(double sigma, int width, int height) =>
        Normalized(width, height, (x, y) => Math.Exp(-(x * x + y * y) / (2 * sigma * sigma)));

    /// <summary>A disk with exact antialiasing: a tap is the area of its pixel that the disk covers.</summary>
    /// <param name="radius">In pixels, positive.</param>
    /// <param name="width">Odd.</param>
    /// <param name="height">Odd.</param>
    /// <returns><c>[height, width]</c>, row by row.</returns>
    public static float[] Disk(double radius, int width, int height) => Normalized(width, height, (x, y) => Covered(x, y, radius));

    private static float[] Normalized(int width, int height, Func<double, double, double> tap)
    {
        var kernel = new double[width * height];
        for (var y = 0; y < height; y++)
        for (var x = 0; x < width; x++)
            kernel[y * width + x] = tap(x - width / 2, y - height / 2);
        var sum = kernel.Sum();
        return Array.ConvertAll(kernel, v => (float)(v / sum));
    }

    // The pixel around (x, y). By symmetry only its distances to the axes count, so that mirrored taps are equal to the bit.
    private static double Covered(double x, double y, double radius)
    {
        var (far, near) = (Math.Max(Math.Abs(x), Math.Abs(y)), Math.Min(Math.Abs(x), Math.Abs(y)));
        var area =
            Corner(far + 0.5, near + 0.5, radius)
            - Corner(far - 0.5, near + 0.5, radius)
            - Corner(far + 0.5, near - 0.5, radius)
            + Corner(far - 0.5, near - 0.5, radius);
        return Math.Max(0, area); // rounding may leave a little less than nothing outside
    }

    // The area that a disk around 0 shares with the rectangle from 0 to (x, y), negative where one of them is: ∫ min(y, √(r² - t²)) dt over [0, min(x, r)].
    private static double Corner(double x, double y, double radius)
    {
        var (right, top) = (Math.Min(Math.Abs(x), radius), Math.Min(Math.Abs(y), radius));
        var crossing = Math.Min(right, Math.Sqrt(radius * radius - top * top)); // up to here the rectangle is lower than the circle
        return Math.Sign(x) * Math.Sign(y) * (crossing * top + Below(right) - Below(crossing));

        double Below(double t) => (t * Math.Sqrt(radius * radius - t * t) + radius * radius * Math.Asin(t / radius)) / 2;
    }
}

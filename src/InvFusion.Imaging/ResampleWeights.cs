namespace InvFusion.Imaging;

/// <summary>The taps of one resampling pass: for each target position the first source position and fixed-point weights with <see cref="Bits"/> fraction bits.</summary>
internal sealed class ResampleWeights
{
    /// <summary>Fraction bits of a weight: 32 less 8 of the pixel and 2 for the overshoot of a kernel with negative lobes.</summary>
    public const int Bits = 32 - 8 - 2;

    private readonly int _stride;
    private readonly int[] _first;
    private readonly int[] _count;
    private readonly int[] _weights;

    /// <summary>Computes the taps that take <paramref name="source"/> positions to <paramref name="target"/> positions.</summary>
    public ResampleWeights(int source, int target, ResampleFilter filter)
    {
        var scale = (double)source / target;
        // When shrinking, the kernel widens with the reduction: that is the antialiasing.
        var widening = Math.Max(scale, 1);
        var support = Support(filter) * widening;
        _stride = (int)Math.Ceiling(support) * 2 + 1;
        _first = new int[target];
        _count = new int[target];
        _weights = new int[checked(target * _stride)];
        var taps = new double[_stride];
        for (var i = 0; i < target; i++)
        {
            var centre = (i + 0.5) * scale;
            var first = Math.Max((int)(centre - support + 0.5), 0);
            var count = Math.Min((int)(centre + support + 0.5), source) - first;
            var sum = 0.0;
            for (var k = 0; k < count; k++)
                sum += taps[k] = Kernel(filter, (k + first - centre + 0.5) * (1 / widening));
            for (var k = 0; k < count; k++)
                _weights[i * _stride + k] = ToFixedPoint(sum != 0 ? taps[k] / sum : taps[k]);
            (_first[i], _count[i]) = (first, count);
        }
    }

    /// <summary>The weights of a target position; the first belongs to the source position <paramref name="first"/>.</summary>
    public ReadOnlySpan<int> Taps(int target, out int first)
    {
        first = _first[target];
        return _weights.AsSpan(target * _stride, _count[target]);
    }

    private static int ToFixedPoint(double weight) => (int)(weight * (1 << Bits) + (weight < 0 ? -0.5 : 0.5));

    private static double Support(ResampleFilter filter) =>
        filter switch
        {
            ResampleFilter.Box => 0.5,
            ResampleFilter.Bilinear => 1,
            ResampleFilter.Bicubic => 2,
            ResampleFilter.Lanczos => 3,
            _ => throw new ArgumentOutOfRangeException(nameof(filter), filter, "unknown filter"),
        };

    private static double Kernel(ResampleFilter filter, double x) =>
        filter switch
        {
            ResampleFilter.Box => x is > -0.5 and <= 0.5 ? 1 : 0,
            ResampleFilter.Bilinear => Math.Max(1 - Math.Abs(x), 0),
            ResampleFilter.Bicubic => Cubic(Math.Abs(x)),
            _ => x is >= -3 and < 3 ? Sinc(x) * Sinc(x / 3) : 0,
        };

    // Written as Pillow evaluates it: another order of operations can move a weight by one unit.
    private static double Cubic(double x)
    {
        const double a = -0.5;
        if (x < 1)
            return ((a + 2) * x - (a + 3)) * x * x + 1;
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    }

    private static double Sinc(double x) => x == 0 ? 1 : Math.Sin(Math.PI * x) / (Math.PI * x);
}

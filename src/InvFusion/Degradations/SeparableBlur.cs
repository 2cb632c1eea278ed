using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>A blur of the image's own size, along rows and columns in turn.</summary>
public sealed class SeparableBlur : SeparableOperator
{
    private readonly int _unseen; // pixels of the blurred image along each border that are not measured

    private SeparableBlur(ImageShape image, double[] taps, BlurBorder border, Device? device)
        : base(image, Matrix(image.Height, taps, border), Matrix(image.Width, taps, border), device) =>
        _unseen = border == BlurBorder.Valid ? taps.Length / 2 : 0;

    private SeparableBlur(SeparableBlur from)
        : base(from) => _unseen = from._unseen;

    /// <summary>A Gaussian blur, cut at four standard deviations.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="sigma">Standard deviation in pixels.</param>
    /// <param name="border">What lies beyond the image's borders.</param>
    /// <param name="device">Where the operator lives; the CPU when null.</param>
    public static SeparableBlur Gaussian(ImageShape image, double sigma, BlurBorder border = BlurBorder.Reflect, Device? device = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sigma);
        var reach = Math.Max(1, (int)Math.Ceiling(4 * sigma));
        var taps = Enumerable.Range(-reach, 2 * reach + 1).Select(t => Math.Exp(-t * t / (2 * sigma * sigma))).ToArray();
        return new SeparableBlur(image, taps, border, device);
    }

    /// <summary>The mean over a square.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="width">Side of the square in pixels, odd.</param>
    /// <param name="border">As for <see cref="Gaussian"/>.</param>
    /// <param name="device">Where the operator lives; the CPU when null.</param>
    public static SeparableBlur Uniform(ImageShape image, int width, BlurBorder border = BlurBorder.Reflect, Device? device = null)
    {
        if (width < 1 || width % 2 == 0)
            throw new ArgumentException($"the width {width} of a uniform blur is not odd and positive");
        return new SeparableBlur(image, [.. Enumerable.Repeat(1.0, width)], border, device);
    }

    /// <summary>Noise of the measured pixels.</summary>
    public override Tensor Noise(Tensor normals)
    {
        using var scope = NewDisposeScope();
        return Seen(View(normals)!).flatten(2).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <remarks>What a picture shows in a border that is not measured does not count.</remarks>
    public override Tensor FromView(Tensor picture, double sigmaY = 0)
    {
        using var scope = NewDisposeScope();
        return base.FromView(Seen(picture)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override LinearOperator Select(params ReadOnlySpan<long> samples) => new SeparableBlur(this);

    // Zeros along the borders that are not measured.
    private Tensor Seen(Tensor pictures)
    {
        if (_unseen == 0)
            return pictures.alias();
        var inside = pictures.narrow(-2, _unseen, Image.Height - 2 * _unseen).narrow(-1, _unseen, Image.Width - 2 * _unseen);
        return nn.functional.pad(inside, [_unseen, _unseen, _unseen, _unseen]);
    }

    // One row per pixel: the taps around it, summing to 1.
    private static double[,] Matrix(int length, double[] taps, BlurBorder border)
    {
        FrameBorder.Require(border, taps.Length, length);
        var (matrix, sum) = (new double[length, length], taps.Sum());
        for (var row = 0; row < length; row++)
        {
            var first = row - taps.Length / 2;
            if (border == BlurBorder.Valid && (first < 0 || first + taps.Length > length))
                continue; // not measured
            for (var t = 0; t < taps.Length; t++)
                if (FrameBorder.Source(first + t, length, border) is { } at)
                    matrix[row, at] += taps[t] / sum;
        }
        return matrix;
    }
}

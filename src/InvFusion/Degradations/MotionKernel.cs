using InvFusion.Imaging;

namespace InvFusion.Degradations;

/// <summary>The blur kernel of a motion path: a polyline on a doubled 8-bit canvas, blurred, halved (Lanczos), normalised to sum 1.</summary>
/// <remarks>The three 8-bit stages follow Pillow's drawing, extended box blur and resampling.</remarks>
internal static class MotionKernel
{
    /// <summary>The kernel of a path.</summary>
    /// <returns><c>[height, width]</c>, row by row, summing to 1.</returns>
    public static float[] FromPath(IReadOnlyList<(double X, double Y)> path, int width, int height)
    {
        var canvas = Polyline(path, 2 * width, 2 * height, (int)(MotionPath.Diagonal(width, height) / 150));
        canvas = GaussianBlur(canvas, 2 * width, 2 * height, (int)(MotionPath.Diagonal(width, height) * 0.01));
        var pixels = Resampler.Resize(new RgbImage(2 * width, 2 * height, 1, canvas), width, height, ResampleFilter.Lanczos).Pixels;
        var sum = pixels.Sum(p => (double)p);
        return Array.ConvertAll(pixels, p => (float)(p / sum));
    }

    /// <summary>White lines on black; the canvas cuts what lies outside.</summary>
    public static byte[] Polyline(IReadOnlyList<(double X, double Y)> path, int width, int height, int thickness)
    {
        var canvas = new LineCanvas(width, height);
        var points = path.Select(p => ((int)p.X, (int)p.Y)).ToArray();
        for (var i = 0; i + 1 < points.Length; i++)
            if (thickness <= 1)
                canvas.ThinLine(points[i], points[i + 1]);
            else
                canvas.WideLine(points[i], points[i + 1], thickness);
        if (points.Length > 0 && thickness <= 1)
            canvas.Point(points[^1]);
        return canvas.Pixels;
    }

    /// <summary>Three extended box blurs per axis, which come close to a Gaussian (Gwosdek et al. 2011).</summary>
    public static byte[] GaussianBlur(byte[] canvas, int width, int height, float radius)
    {
        const int Passes = 3;
        if (radius <= 0)
            return canvas;
        // In single precision, as Pillow: the last bit of a weight decides about the rounding of pixels.
        var variance = radius * radius / Passes;
        var whole = MathF.Floor((MathF.Sqrt(12 * variance + 1) - 1) / 2);
        var edge = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance) / (6 * (variance - (whole + 1) * (whole + 1)));
        var (source, target) = ((byte[])canvas.Clone(), new byte[canvas.Length]);
        for (var pass = 0; pass < 2 * Passes; pass++)
        {
            var horizontal = pass < Passes;
            for (var line = 0; line < (horizontal ? height : width); line++)
                if (horizontal)
                    BoxBlur(source, target, line * width, 1, width, whole + edge);
                else
                    BoxBlur(source, target, line, width, height, whole + edge);
            (source, target) = (target, source);
        }
        return source;
    }

    // One line; pixels beyond the ends repeat the last one, the two outermost taps carry the radius's fraction.
    private static void BoxBlur(byte[] source, byte[] target, int start, int stride, int length, float radius)
    {
        var reach = (int)radius;
        var inner = (uint)((1 << 24) / (radius * 2 + 1));
        var outer = ((1 << 24) - (uint)(reach * 2 + 1) * inner) / 2;
        for (var i = 0; i < length; i++)
        {
            var sum = 0u;
            for (var j = i - reach; j <= i + reach; j++)
                sum += Pixel(j);
            target[start + i * stride] = (byte)((sum * inner + (Pixel(i - reach - 1) + Pixel(i + reach + 1)) * outer + (1 << 23)) >> 24);
        }

        uint Pixel(int i) => source[start + Math.Clamp(i, 0, length - 1) * stride];
    }
}

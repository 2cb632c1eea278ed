using InvFusion.Runtime;

namespace InvFusion.Degradations;

/// <summary>The random walk of a shaking camera, on a canvas of twice the kernel's size (the model of L. Borodenko's motionblur).</summary>
internal static class MotionPath
{
    /// <summary>Draws a path; points are (x, y) on the doubled canvas.</summary>
    /// <param name="stream">Where the draws come from.</param>
    /// <param name="width">Width of the kernel, half of the canvas's.</param>
    /// <param name="height">Height of the kernel.</param>
    /// <param name="intensity">0 for straight motion to 1 for a wild one.</param>
    public static (double X, double Y)[] Draw(RandomStream stream, int width, int height, double intensity)
    {
        var diagonal = Diagonal(width, height);
        var steps = DrawSteps(stream, diagonal, intensity);
        var angles = DrawAngles(stream, steps.Count, intensity);
        return Place(steps, angles, stream.NextUniform(0, Math.PI), width, height);
    }

    /// <summary>The diagonal of the doubled canvas.</summary>
    public static double Diagonal(int width, int height) => Math.Sqrt(4.0 * width * width + 4.0 * height * height);

    /// <summary>Steps along angles, centred on their mean, rotated, and moved to the middle of the canvas.</summary>
    public static (double X, double Y)[] Place(
        IReadOnlyList<double> steps,
        IReadOnlyList<double> angles,
        double rotation,
        int width,
        int height
    )
    {
        var path = new (double X, double Y)[steps.Count];
        var (x, y) = (0.0, 0.0);
        for (var i = 0; i < path.Length; i++)
            path[i] = (x += steps[i] * Math.Cos(angles[i]), y += steps[i] * Math.Sin(angles[i]));
        var (meanX, meanY) = (path.Average(p => p.X), path.Average(p => p.Y));
        var (sin, cos) = Math.SinCos(rotation);
        for (var i = 0; i < path.Length; i++)
        {
            var (dx, dy) = (path[i].X - meanX, path[i].Y - meanY);
            path[i] = (dx * cos - dy * sin + width, dx * sin + dy * cos + height);
        }
        return path;
    }

    // Total length 0.75·diagonal·(U(0,1) + U(0, intensity²)) in steps of Beta(1,30)·(1 - intensity + 0.1)·diagonal, each shorter than the total.
    private static List<double> DrawSteps(RandomStream stream, double diagonal, double intensity)
    {
        var total = 0.75 * diagonal * (stream.NextUniform() + stream.NextUniform(0, intensity * intensity));
        total = Math.Max(total, 1e-4 * diagonal); // a path of no length would wait for a step of none
        var steps = new List<double>();
        for (var length = 0.0; length < total; )
        {
            var step = Beta(stream, 1, 30) * (1 - intensity + 0.1) * diagonal;
            if (step >= total)
                continue;
            steps.Add(step);
            length += step;
        }
        return steps;
    }

    // The first from U(-α, α), α = U(0, intensity·π); the next Triangular(0, intensity·α, α + 0.1) with the sign of the one before, flipped with
    // a probability ("jitter") that is drawn once, from Beta(2, 20).
    private static double[] DrawAngles(RandomStream stream, int count, double intensity)
    {
        var largest = stream.NextUniform(0, intensity * Math.PI);
        var jitter = Beta(stream, 2, 20);
        var angles = new double[count];
        angles[0] = stream.NextUniform(-largest, largest);
        for (var i = 1; i < count; i++)
        {
            var size = Triangular(stream, intensity * largest, largest + 0.1);
            var flip = stream.NextUniform() < jitter;
            angles[i] = (angles[i - 1] < 0) != flip ? -size : size;
        }
        return angles;
    }

    // The inverse of the cumulative distribution; the left end is 0.
    private static double Triangular(RandomStream stream, double mode, double right)
    {
        var u = stream.NextUniform();
        return u < mode / right ? Math.Sqrt(u * right * mode) : right - Math.Sqrt((1 - u) * right * (right - mode));
    }

    // For whole numbers: X/(X + Y) of two sums of exponentials.
    private static double Beta(RandomStream stream, int a, int b)
    {
        var (x, y) = (Exponentials(stream, a), Exponentials(stream, b));
        return x / (x + y);
    }

    private static double Exponentials(RandomStream stream, int count)
    {
        var sum = 0.0;
        for (var i = 0; i < count; i++)
            sum -= Math.Log(1 - stream.NextUniform());
        return sum;
    }
}

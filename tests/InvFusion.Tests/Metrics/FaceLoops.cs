namespace InvFusion.Tests.Metrics;

/// <summary>The face network once more, from dlib's documentation: plain loops in double precision over maps [channel, row, column].</summary>
/// <param name="weights">The weights under their published names.</param>
internal sealed class FaceLoops(Dictionary<string, double[]> weights)
{
    /// <summary>Features of pixels <c>[3, h, w]</c> from 0 to 255.</summary>
    public double[] Features(double[,,] pixels)
    {
        double[] mean = [122.782, 117.001, 104.298];
        var x = Map(pixels.GetLength(0), pixels.GetLength(1), pixels.GetLength(2), (c, i, j) => (pixels[c, i, j] - mean[c]) / 256);
        x = Maxima(Rectified(Convolved(x, "conv32_down", 7, 2)));
        x = Level(x, 32, "1", "2", "3");
        x = Level(x, 64, "down", "1", "2", "3");
        x = Level(x, 128, "down", "1", "2");
        x = Level(x, 256, "down", "1", "2", "down_out");
        var (channels, area) = (x.GetLength(0), x.GetLength(1) * x.GetLength(2));
        var features = new double[128];
        for (var c = 0; c < channels; c++)
        for (var o = 0; o < features.Length; o++)
            features[o] += Sum(x, c) / area * weights["fc"][c * features.Length + o];
        return features;
    }

    private double[,,] Level(double[,,] x, int channels, params string[] names)
    {
        foreach (var name in names)
        {
            var (block, halves) = ($"conv{channels}_{name}", name.StartsWith("down", StringComparison.Ordinal));
            var branch = Convolved(Rectified(Convolved(x, $"{block}/conv1", 3, halves ? 2 : 1)), $"{block}/conv2", 3, 1);
            var shortcut = halves ? Means(x) : x;
            x = Rectified(
                Map(
                    Math.Max(branch.GetLength(0), shortcut.GetLength(0)),
                    Math.Max(branch.GetLength(1), shortcut.GetLength(1)),
                    Math.Max(branch.GetLength(2), shortcut.GetLength(2)),
                    (c, i, j) => Or0(branch, c, i, j) + Or0(shortcut, c, i, j)
                )
            );
        }
        return x;
    }

    private double[,,] Convolved(double[,,] x, string name, int side, int stride)
    {
        var (filters, bias) = (weights[$"{name}/conv/filters"], weights[$"{name}/conv/bias"]);
        var (scale, shift) = (weights[$"{name}/scale/weights"], weights[$"{name}/scale/biases"]);
        var (inputs, outputs, padding) = (x.GetLength(0), bias.Length, stride == 1 ? side / 2 : 0);
        var result = new double[outputs, Steps(x.GetLength(1)), Steps(x.GetLength(2))];
        var sums = new double[outputs];
        for (var i = 0; i < result.GetLength(1); i++)
        for (var j = 0; j < result.GetLength(2); j++)
        {
            bias.CopyTo(sums, 0);
            for (var di = 0; di < side; di++)
            for (var dj = 0; dj < side; dj++)
            for (var c = 0; c < inputs; c++)
            {
                var value = Or0(x, c, i * stride + di - padding, j * stride + dj - padding);
                var filter = filters.AsSpan(((di * side + dj) * inputs + c) * outputs, outputs); // [row, column, input, output]
                for (var o = 0; value != 0 && o < outputs; o++)
                    sums[o] += value * filter[o];
            }
            for (var o = 0; o < outputs; o++)
                result[o, i, j] = sums[o] * scale[o] + shift[o];
        }
        return result;

        int Steps(int length) => (length + 2 * padding - side) / stride + 1;
    }

    private static double[,,] Maxima(double[,,] x) =>
        Map(
            x.GetLength(0),
            (x.GetLength(1) - 3) / 2 + 1,
            (x.GetLength(2) - 3) / 2 + 1,
            (c, i, j) => Enumerable.Range(0, 9).Max(k => x[c, 2 * i + k / 3, 2 * j + k % 3])
        );

    private static double[,,] Means(double[,,] x) =>
        Map(
            x.GetLength(0),
            x.GetLength(1) / 2,
            x.GetLength(2) / 2,
            (c, i, j) => (x[c, 2 * i, 2 * j] + x[c, 2 * i, 2 * j + 1] + x[c, 2 * i + 1, 2 * j] + x[c, 2 * i + 1, 2 * j + 1]) / 4
        );

    private static double[,,] Rectified(double[,,] x) =>
        Map(x.GetLength(0), x.GetLength(1), x.GetLength(2), (c, i, j) => Math.Max(x[c, i, j], 0));

    private static double Or0(double[,,] x, int c, int i, int j) =>
        c < x.GetLength(0) && i >= 0 && i < x.GetLength(1) && j >= 0 && j < x.GetLength(2) ? x[c, i, j] : 0;

    private static double Sum(double[,,] x, int channel)
    {
        var sum = 0.0;
        for (var i = 0; i < x.GetLength(1); i++)
        for (var j = 0; j < x.GetLength(2); j++)
            sum += x[channel, i, j];
        return sum;
    }

    private static double[,,] Map(int channels, int height, int width, Func<int, int, int, double> value)
    {
        var map = new double[channels, height, width];
        for (var c = 0; c < channels; c++)
        for (var i = 0; i < height; i++)
        for (var j = 0; j < width; j++)
            map[c, i, j] = value(c, i, j);
        return map;
    }
}

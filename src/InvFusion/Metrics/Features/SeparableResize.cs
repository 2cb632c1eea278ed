using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>Resizing as two products with small matrices of weights, one for the columns and one for the rows.</summary>
internal static class SeparableResize
{
    /// <summary><c>[…, h, w]</c> float32 → <c>[…, h', w']</c>.</summary>
    /// <param name="x">The maps.</param>
    /// <param name="rows">Weights <c>[h', h]</c>.</param>
    /// <param name="columns">Weights <c>[w', w]</c>.</param>
    public static Tensor Apply(Tensor x, Tensor rows, Tensor columns)
    {
        using var scope = NewDisposeScope();
        var wide = nn.functional.linear(x, columns); // […, h, w']
        return nn.functional.linear(wide.transpose(-1, -2), rows).transpose(-1, -2).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>Weights <c>[outputs, inputs]</c> of bicubic resizing with antialiasing (a = -1/2; taps outside are dropped, the others add up to 1).</summary>
    public static Tensor Antialiased(int inputs, int outputs, Device device) =>
        Matrix(
            inputs,
            outputs,
            device,
            (i, weights) =>
            {
                var scale = (double)inputs / outputs;
                var width = Math.Max(scale, 1);
                var (support, center) = (2 * width, scale * (i + 0.5));
                var low = Math.Max((int)(center - support + 0.5), 0);
                var high = Math.Min((int)(center + support + 0.5), inputs);
                var sum = 0.0;
                for (var j = low; j < high; j++)
                    sum += weights[j] = Cubic((j - center + 0.5) / width, -0.5);
                for (var j = low; j < high; j++)
                    weights[j] /= sum;
            }
        );

    /// <summary>Weights of plain bicubic interpolation (a = -3/4; the outermost samples repeated), sample i at step·(i + ½) - ½.</summary>
    public static Tensor Interpolated(int inputs, int outputs, double step, Device device) =>
        Matrix(
            inputs,
            outputs,
            device,
            (i, weights) =>
            {
                var source = step * (i + 0.5) - 0.5;
                var first = (int)Math.Floor(source) - 1;
                for (var tap = first; tap < first + 4; tap++)
                    weights[Math.Clamp(tap, 0, inputs - 1)] += Cubic(source - tap, -0.75);
            }
        );

    /// <summary>Keys' cubic kernel.</summary>
    private static double Cubic(double x, double a)
    {
        x = Math.Abs(x);
        return x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1
            : x < 2 ? (((x - 5) * x + 8) * x - 4) * a
            : 0;
    }

    private static Tensor Matrix(int inputs, int outputs, Device device, Action<int, double[]> fill)
    {
        var values = new float[outputs * inputs];
        for (var i = 0; i < outputs; i++)
        {
            var row = new double[inputs];
            fill(i, row);
            for (var j = 0; j < inputs; j++)
                values[i * inputs + j] = (float)row[j];
        }
        using var flat = tensor(values, device: device);
        return flat.view(outputs, inputs);
    }
}

using InvFusion.Tests.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Tests.Ops;

/// <summary>Neighborhood attention as its definition reads: one query after the other, one key after the other.</summary>
internal static class NaiveAttention
{
    /// <summary>Rows (or columns) of the window of a query: centred, shifted inward at the borders.</summary>
    public static int WindowStart(int position, int length, int kernel) => Math.Clamp(position - kernel / 2, 0, length - kernel);

    public static Tensor Apply(Tensor q, IReadOnlyList<Tensor> k, IReadOnlyList<Tensor> v, int height, int width, int kernel)
    {
        int images = (int)(q.shape[0] * q.shape[1]), // every head of every sample
            tokens = height * width,
            e = (int)q.shape[3];
        var queries = TensorAssert.Values(q);
        float[][] keys = [.. k.Select(TensorAssert.Values)],
            values = [.. v.Select(TensorAssert.Values)];
        var result = new float[queries.Length];
        for (var image = 0; image < images; image++)
        for (var token = 0; token < tokens; token++)
        {
            var at = (image * tokens + token) * e;
            var (sum, mixed) = (0.0, new double[e]);
            foreach (var (group, other) in Window(token, height, width, kernel, k.Count))
            {
                var key = (image * tokens + other) * e;
                var weight = 0.0;
                for (var j = 0; j < e; j++)
                    weight += queries[at + j] * keys[group][key + j];
                weight = Math.Exp(weight);
                sum += weight;
                for (var j = 0; j < e; j++)
                    mixed[j] += weight * values[group][key + j];
            }
            for (var j = 0; j < e; j++)
                result[at + j] = (float)(mixed[j] / sum);
        }
        return tensor(result).view(q.shape);
    }

    /// <summary>The mask of the same windows for dense attention: 0 inside, -∞ outside, <c>[h·w, groups·h·w]</c>.</summary>
    public static Tensor Mask(int height, int width, int kernel, int groups)
    {
        var tokens = height * width;
        var mask = Enumerable.Repeat(double.NegativeInfinity, tokens * groups * tokens).ToArray();
        for (var token = 0; token < tokens; token++)
            foreach (var (group, other) in Window(token, height, width, kernel, groups))
                mask[(token * groups + group) * tokens + other] = 0;
        return tensor(mask).view(tokens, groups * tokens);
    }

    private static IEnumerable<(int Group, int Token)> Window(int token, int height, int width, int kernel, int groups)
    {
        int top = WindowStart(token / width, height, kernel),
            left = WindowStart(token % width, width, kernel);
        for (var group = 0; group < groups; group++)
        for (var row = top; row < top + kernel; row++)
        for (var column = left; column < left + kernel; column++)
            yield return (group, row * width + column);
    }
}

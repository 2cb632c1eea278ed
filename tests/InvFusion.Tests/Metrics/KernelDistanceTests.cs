using InvFusion.Metrics.Statistics;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Metrics;

[Collection(TorchTests.Collection)]
public sealed class KernelDistanceTests
{
    [Fact]
    [NoTensorLeaks]
    public void The_sums_are_those_of_a_plain_loop_with_and_without_a_group()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var x = randn([700, 6], generator: generator);
        var y = randn([40, 6], generator: generator) * 1.3 + 0.1;
        int[] groups = [.. Enumerable.Range(0, 700).Select(i => i % 4)];
        var distance = new KernelDistance(x, groups, y);
        Assert.Equal(4, distance.Groups);
        Assert.Equal(Loop(x, y, i => true), distance.Value(), 1e-9);
        Assert.Equal(Loop(x, y, i => groups[i] != 2), distance.Value(without: 2), 1e-9);
        Assert.True(distance.Value() > 0.01);
    }

    [Fact]
    public void It_is_unbiased_for_sets_of_the_same_distribution()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        double[] values =
        [
            .. Enumerable
                .Range(0, 200)
                .Select(_ =>
                    new KernelDistance(randn([20, 4], generator: generator), new int[20], randn([20, 4], generator: generator)).Value()
                ),
        ];
        var error = Math.Sqrt(values.Sum(v => v * v)) / values.Length;
        Assert.InRange(values.Average(), -4 * error, 4 * error);
        Assert.Contains(values, v => v < 0);
    }

    private static double Loop(Tensor x, Tensor y, Func<int, bool> counts)
    {
        var (a, b) = (Rows(x).Where((_, i) => counts(i)).ToArray(), Rows(y));
        double Mean(float[][] p, float[][] q, bool same)
        {
            var sum = 0.0;
            for (var i = 0; i < p.Length; i++)
            for (var j = 0; j < q.Length; j++)
                if (!same || i != j)
                    sum += Math.Pow(p[i].Zip(q[j], (u, v) => (double)u * v).Sum() / p[i].Length + 1, 3);
            return sum / (same ? p.Length * (p.Length - 1.0) : (double)p.Length * q.Length);
        }
        return Mean(a, a, true) + Mean(b, b, true) - 2 * Mean(a, b, false);
    }

    private static float[][] Rows(Tensor x) => [.. TensorAssert.Values(x).Chunk((int)x.shape[1])];
}

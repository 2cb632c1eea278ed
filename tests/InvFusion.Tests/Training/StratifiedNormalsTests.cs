using InvFusion.Data;
using InvFusion.Tests.Diffusion;
using InvFusion.Training;
using Xunit;

namespace InvFusion.Tests.Training;

[Collection(TorchTests.Collection)]
public class StratifiedNormalsTests
{
    private static readonly LossOptions Loss = new() { Stratified = true };

    [Theory]
    [InlineData(0.5, 0)]
    [InlineData(0.975, 1.959963984540054)]
    [InlineData(0.9, 1.2815515655446004)]
    [InlineData(0.99, 2.3263478740408408)]
    [InlineData(0.001, -3.090232306167813)]
    [InlineData(1e-9, -5.997807015007687)]
    public void Quantiles_are_those_of_tables(double probability, double expected) =>
        Assert.Equal(expected, StratifiedNormals.Quantiles([probability])[0], 1e-12);

    [Fact]
    public void Quantiles_of_0_and_1_are_finite()
    {
        var ends = StratifiedNormals.Quantiles([0, 1]);
        Assert.InRange(ends[0], -8.3, -8.1);
        Assert.Equal(-ends[0], ends[1], 1e-12);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 3)] // rounds
    [InlineData(5, 1)]
    [InlineData(16, 4)]
    public void Each_part_of_the_distribution_has_one_image_of_a_step_over_rounds_and_ranks(int batch, int rounds)
    {
        var n = batch * rounds;
        var bounds = StratifiedNormals.Quantiles([.. Enumerable.Range(0, n + 1).Select(i => i / (double)n)]);
        foreach (var step in (long[])[0, 1, 77])
        {
            var whole = Draw(n).Draw(step * n, n);
            // Each round of each of two ranks from objects of their own, as the processes have them.
            var parts = Enumerable
                .Range(0, rounds)
                .SelectMany(round =>
                    new (int First, int End)[] { (0, batch / 2), (batch / 2, batch) }.SelectMany(rank =>
                        Draw(n).Draw(step * n + round * batch + rank.First, rank.End - rank.First)
                    )
                );
            Assert.Equal(whole, parts);
            foreach (var (i, z) in whole.Order().Index())
                Assert.InRange(z, bounds[i], bounds[i + 1]);
        }
    }

    [Fact]
    public void Steps_differ_and_their_order_is_random()
    {
        var normals = Draw(64);
        double[] first = normals.Draw(0, 64),
            second = normals.Draw(64, 64);
        int[] a = Ranks(first),
            b = Ranks(second);
        Assert.NotEqual(first, second);
        Assert.NotEqual(first, new StratifiedNormals(Loss, seed: 4, 64).Draw(0, 64));
        // Correlations of random permutations have standard deviation 1/8: of two steps, and of a step with the place in it.
        Assert.InRange(Correlation(a, b), -0.5, 0.5);
        Assert.InRange(Correlation(a, [.. Enumerable.Range(0, 64)]), -0.5, 0.5);
        // Nor do the strata follow the images of a set that is as large as a step.
        var images = new ShuffledOrder(64, 3);
        Assert.InRange(Correlation(a, [.. Enumerable.Range(0, 64).Select(i => images.IndexAt(i))]), -0.5, 0.5);
    }

    [Fact]
    public void The_distribution_is_the_standard_normal_with_less_variance_between_steps()
    {
        const int Steps = 200;
        var normals = Draw(32);
        double[][] steps = [.. Enumerable.Range(0, Steps).Select(step => normals.Draw(32L * step, 32))];
        var all = steps.SelectMany(z => z).ToArray();
        // The mean of 6400 independent normals has standard deviation 0.0125, their variance 0.018: strata are much nearer.
        Assert.InRange(all.Average(), -0.004, 0.004);
        Assert.InRange(all.Average(z => z * z), 0.98, 1.02);
        Assert.InRange(all.Average(z => z * z * z * z), 2.8, 3.2);
        // The mean of 32 independent normals has variance 1/32.
        Assert.True(steps.Average(z => z.Average() * z.Average()) < 0.1 / 32);
        Assert.True(all.Max() > 2.8 && all.Min() < -2.8);
    }

    [Fact]
    public void The_share_of_the_mean_takes_the_lowest_parts_and_the_rest_stays_normal()
    {
        var loss = Loss with { MmseShare = 0.25 };
        var normals = new StratifiedNormals(loss, seed: 3, 16);
        var bounds = StratifiedNormals.Quantiles([.. Enumerable.Range(0, 13).Select(i => i / 12.0)]);
        for (var step = 0; step < 20; step++)
        {
            var z = normals.Draw(16L * step, 16);
            Assert.Equal(4, z.Count(v => v == loss.MmseNormal));
            foreach (var (i, v) in z.Where(v => v != loss.MmseNormal).Order().Index())
                Assert.InRange(v, bounds[i], bounds[i + 1]);
        }
        Assert.All(new StratifiedNormals(Loss with { MmseShare = 1 }, 3, 16).Draw(0, 16), z => Assert.Equal(loss.MmseNormal, z));
    }

    private static StratifiedNormals Draw(int stepImages) => new(Loss, seed: 3, stepImages);

    private static int[] Ranks(double[] values)
    {
        var sorted = values.Order().ToArray();
        return [.. values.Select(v => Array.IndexOf(sorted, v))];
    }

    private static double Correlation(int[] a, int[] b)
    {
        double meanA = a.Average(),
            meanB = b.Average();
        var covariance = a.Zip(b, (x, y) => (x - meanA) * (y - meanB)).Sum();
        return covariance / Math.Sqrt(a.Sum(x => (x - meanA) * (x - meanA)) * b.Sum(y => (y - meanB) * (y - meanB)));
    }
}

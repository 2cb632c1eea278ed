using InvFusion.Evaluation;
using InvFusion.Runtime;
using Xunit;

namespace InvFusion.Tests.Evaluation;

public sealed class EstimateTests
{
    [Fact]
    public void The_interval_is_that_of_the_standard_error_where_the_mean_is_normal()
    {
        var stream = new RandomStream(4);
        double[] values = [.. Enumerable.Range(0, 400).Select(_ => 3 + 2 * stream.NextNormal())];
        var mean = values.Average();
        var error = Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / values.Length) / Math.Sqrt(values.Length);
        var estimate = Estimate.Of(values);
        Assert.Equal(mean, estimate.Mean, 12);
        Assert.Equal(mean - 1.96 * error, estimate.Low, 0.3 * error);
        Assert.Equal(mean + 1.96 * error, estimate.High, 0.3 * error);
    }

    [Fact]
    public void The_interval_follows_the_values_in_their_skewness_and_is_the_same_every_time()
    {
        double[] values = [0, 0, 0, 0, 0, 0, 0, 8];
        var estimate = Estimate.Of(values);
        Assert.Equal((1, 0), (estimate.Mean, estimate.Low));
        Assert.InRange(estimate.High, 2, 4);
        Assert.Equal(estimate, Estimate.Of(values));
        Assert.NotEqual(estimate, Estimate.Of([0, 0, 8, 0, 0, 0, 0, 8]));
    }

    [Fact]
    public void Nothing_has_no_mean_and_one_value_no_interval()
    {
        Assert.Equal(new Estimate(double.NaN, double.NaN, double.NaN), Estimate.Of([]));
        Assert.Equal(new Estimate(7, double.NaN, double.NaN), Estimate.Of([7]));
    }
}

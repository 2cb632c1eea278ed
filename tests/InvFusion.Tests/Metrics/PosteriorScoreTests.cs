using InvFusion.Metrics.Scores;
using InvFusion.Metrics.Weights;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Metrics;

[Collection(TorchTests.Collection)]
public sealed class PosteriorScoreTests
{
    [Fact]
    [NoTensorLeaks]
    public void Crps_is_that_of_a_loop_over_pairs_and_of_a_Gaussian_in_the_mean()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        const double Deviation = 0.3;
        var samples = randn([5, 2, 1, 200, 200], generator: generator) * Deviation;
        var truth = randn([2, 1, 200, 200], generator: generator) * Deviation;
        var scores = Scores("crps", samples, truth);
        for (var image = 0; image < 2; image++)
        {
            var x = samples.select(1, image).flatten(1).to_type(ScalarType.Float64);
            var t = truth[image].flatten().to_type(ScalarType.Float64);
            var expected = (x - t).abs().mean().item<double>();
            for (var i = 0; i < 5; i++)
            for (var j = 0; j < 5; j++)
                expected -= (x[i] - x[j]).abs().mean().item<double>() / (2 * 5 * 4);
            Assert.Equal(expected, scores[image].Numerator, 1e-9);
            // E CRPS of a calibrated Gaussian is σ/√π, whatever the number of samples.
            Assert.Equal(Deviation / Math.Sqrt(Math.PI), scores[image].Numerator, 0.003);
        }
    }

    [Fact]
    public void Spread_and_coverage_of_a_calibrated_posterior_are_right_and_of_a_narrow_one_are_not()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(2);
        var samples = randn([4, 3, 1, 64, 64], generator: generator);
        var truth = randn([3, 1, 64, 64], generator: generator);
        Assert.Equal(1, Value("spread_error", samples, truth), 0.02);
        Assert.Equal(0.9, Value("coverage", samples, truth), 0.02);
        Assert.Equal(Math.Sqrt(0.25 * 1.25 / (1 + 0.25 / 4)), Value("spread_error", samples * 0.5, truth), 0.03);
        Assert.InRange(Value("coverage", samples * 0.5, truth), 0.5, 0.8);
    }

    private static double Value(string name, Tensor samples, Tensor truth)
    {
        var scores = Scores(name, samples, truth);
        return ((ImageMetric)MetricKinds.Find(name)).Finish(scores.Sum(s => s.Numerator) / scores.Sum(s => s.Denominator));
    }

    private static ImageScore[] Scores(string name, Tensor samples, Tensor truth)
    {
        using var tools = new MetricTools(new WeightCache([]));
        return [.. ((ImageMetric)MetricKinds.Find(name)).Score(new ScoredImages(samples) { Truth = truth }, tools)];
    }
}

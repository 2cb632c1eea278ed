using InvFusion.Metrics.Statistics;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Metrics;

[Collection(TorchTests.Collection)]
public sealed class FrechetDistanceTests
{
    /// <summary>
    /// For Σ_r = TΣT with a symmetric positive T, Σ^{1/2}TΣ^{1/2} is the square root of Σ^{1/2}Σ_rΣ^{1/2}, so tr (ΣΣ_r)^{1/2} = tr TΣ: no decomposition is needed to know the
    /// distance, and the matrices do not commute. With fewer vectors than dimensions Σ is singular, and so is Σ_r.
    /// </summary>
    [Theory]
    [InlineData(2048, 3000)]
    [InlineData(2048, 700)]
    [InlineData(96, 40)]
    [NoTensorLeaks]
    public void The_distance_to_a_transported_covariance_is_known(int width, int vectors)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        Tensor Normal(params long[] shape) => randn(shape, dtype: ScalarType.Float64, generator: generator);
        var factor = Normal(width, vectors) / Math.Sqrt(vectors);
        var covariance = factor.mm(factor.t());
        var mixing = Normal(width, 32) / Math.Sqrt(32);
        var transport = eye(width, dtype: ScalarType.Float64) + mixing.mm(mixing.t());
        var transported = transport.mm(covariance);
        var reference = transported.mm(transport);
        var shift = Normal(width);
        var cross = transported.trace().item<double>();
        var expected =
            shift.square().sum().item<double>() + covariance.trace().item<double>() + reference.trace().item<double>() - 2 * cross;
        var a = new FeatureStatistics(zeros(width, dtype: ScalarType.Float64), covariance);
        var b = new FeatureStatistics(shift, reference);
        // Relative to the traces, of which the distance is a difference.
        var scale = covariance.trace().item<double>() + reference.trace().item<double>();
        Assert.InRange(Math.Abs(FrechetDistance.Between(a, b) - expected) / scale, 0, 1e-7);
        Assert.InRange(Math.Abs(FrechetDistance.Between(b, a) - expected) / scale, 0, 1e-7);
    }

    [Theory]
    [InlineData(256, 100)]
    [InlineData(8, 100)]
    public void The_distance_of_a_set_to_itself_is_zero(int width, int vectors)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(6);
        var features = randn(vectors, width, dtype: ScalarType.Float64, generator: generator);
        using var moments = new FeatureMoments(width);
        moments.Add(features);
        using var statistics = moments.Statistics();
        Assert.Equal(0, FrechetDistance.Between(statistics, statistics));
        // In another order the sums are rounded otherwise: as near as the roots are, and not below.
        using var turned = new FeatureMoments(width);
        turned.Add(features.flip(0));
        using var same = turned.Statistics();
        Assert.InRange(FrechetDistance.Between(same, statistics), 0, 1e-4);
    }

    /// <summary>Another route: Σ√λ over the eigenvalues of the product itself, which is not symmetric.</summary>
    [Theory]
    [InlineData(1000)]
    [InlineData(30)]
    public void The_distance_is_that_of_the_eigenvalues_of_the_product(int vectors)
    {
        const int Width = 64;
        using var scope = NewDisposeScope();
        using var generator = new Generator(6);
        var a = Statistics(randn([vectors, Width], dtype: ScalarType.Float64, generator: generator));
        var b = Statistics(randn([500, Width], dtype: ScalarType.Float64, generator: generator) * 1.7 + 0.2);
        var eigenvalues = linalg.eigvals(a.Covariance.mm(b.Covariance)).real.clamp_min(0);
        var expected =
            (a.Mean - b.Mean).square().sum().item<double>()
            + a.Covariance.trace().item<double>()
            + b.Covariance.trace().item<double>()
            - 2 * eigenvalues.sqrt().sum().item<double>();
        Assert.Equal(expected, FrechetDistance.Between(a, b), 1e-5);
    }

    [Fact]
    public void Equal_statistics_have_no_distance_and_other_widths_are_refused()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(7);
        var a = Statistics(randn([50, 16], dtype: ScalarType.Float64, generator: generator));
        Assert.Equal(0, FrechetDistance.Between(a, a), 1e-9);
        var b = Statistics(randn([50, 8], dtype: ScalarType.Float64, generator: generator));
        Assert.Throws<ArgumentException>(() => FrechetDistance.Between(a, b));
    }

    private static FeatureStatistics Statistics(Tensor vectors)
    {
        using var moments = new FeatureMoments((int)vectors.shape[1]);
        moments.Add(vectors);
        return moments.Statistics();
    }
}

using InvFusion.Distributed;
using InvFusion.Metrics.References;
using InvFusion.Metrics.Scores;
using InvFusion.Metrics.Statistics;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Distributed;
using InvFusion.Tests.Runtime;
using InvFusion.Tests.Training;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Metrics;

[Collection(TorchTests.Collection)]
public sealed class StreamingTests
{
    [Fact]
    [NoTensorLeaks]
    public void Moments_of_batches_are_those_of_all_vectors()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        var vectors = randn([57, 9], generator: generator) + 3;
        using var whole = new FeatureMoments(9);
        using var parts = new FeatureMoments(9);
        whole.Add(vectors);
        for (var first = 0; first < 57; first += 10)
            parts.Add(vectors.narrow(0, first, Math.Min(10, 57 - first)));
        using var a = whole.Statistics();
        using var b = parts.Statistics();
        TensorAssert.Close(a.Mean, b.Mean, 1e-12);
        TensorAssert.Close(a.Covariance, b.Covariance, 1e-12);
        var wide = vectors.to_type(ScalarType.Float64);
        TensorAssert.Close(wide.mean([0]), a.Mean, 1e-12);
        var centered = wide - wide.mean([0]);
        TensorAssert.Close(centered.t().mm(centered) / 56, a.Covariance, 1e-10);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(5000)]
    [InlineData(5001)]
    [InlineData(123_457)]
    public void The_sample_takes_images_evenly_and_never_more_than_its_bound(int images)
    {
        var sample = new FeatureSample(1, images);
        for (var i = 0; i < images; i++)
            sample.Add(i, [i]);
        using var scope = NewDisposeScope();
        var (vectors, groups) = sample.Vectors();
        var kept = TensorAssert.Values(vectors);
        Assert.Equal(Math.Min(images, FeatureSample.Most), kept.Length);
        Assert.Equal(kept.Order(), kept);
        Assert.Equal(kept.Length, kept.Distinct().Count());
        Assert.All(kept.Zip(groups), p => Assert.Equal(Jackknife.GroupOf((int)p.First), p.Second));
        var step = (double)images / kept.Length;
        Assert.All(kept.Index(), k => Assert.InRange(k.Item - k.Index * step, -1e-9, step));
    }

    [Fact]
    public void Two_ranks_give_the_statistics_of_one()
    {
        using var set = new GeneratedSet(23);
        using var extractor = new FakeExtractor("fake");
        using var one = ReferenceBuilder.Build(set, 23, [extractor], 4, "{}", new SingleProcess());
        var two = new ReferenceStatistics[2];
        ThreadedRanks.Run(
            2,
            ranks =>
            {
                using var own = new FakeExtractor("fake");
                two[ranks.Rank] = ReferenceBuilder.Build(set, 23, [own], 4, "{}", ranks);
            }
        );
        foreach (var other in two)
        {
            Assert.Equal(23, other.Entries["fake"].Count);
            TensorAssert.Close(one.Entries["fake"].Statistics.Mean, other.Entries["fake"].Statistics.Mean, 1e-9);
            TensorAssert.Close(one.Entries["fake"].Statistics.Covariance, other.Entries["fake"].Statistics.Covariance, 1e-9);
            TensorAssert.SameBits(one.Entries["fake"].Sample!, other.Entries["fake"].Sample!, "sample");
            other.Dispose();
        }
    }

    [Fact]
    public void The_jackknife_of_a_mean_is_its_standard_error()
    {
        double[] values = [.. Enumerable.Range(0, 10).Select(i => Math.Sin(i) * 3)];
        var mean = values.Average();
        double[] without = [.. values.Select(v => (values.Sum() - v) / 9)];
        var estimate = Jackknife.Of(mean, without);
        var error = Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / 9 / 10);
        Assert.Equal(mean, estimate.Mean, 1e-12);
        Assert.Equal(2.262157 * error, estimate.High - estimate.Mean, 1e-4); // Student's t of 9 degrees of freedom
        Assert.Equal(estimate.Mean - estimate.Low, estimate.High - estimate.Mean, 1e-12);
    }
}

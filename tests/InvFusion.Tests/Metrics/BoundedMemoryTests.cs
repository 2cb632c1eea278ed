using InvFusion.Degradations;
using InvFusion.Evaluation;
using InvFusion.Metrics.References;
using InvFusion.Metrics.Scores;
using InvFusion.Metrics.Statistics;
using InvFusion.Metrics.Weights;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using InvFusion.Tests.Training;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;
using TemporaryFolder = InvFusion.Testing.TemporaryFolder;

namespace InvFusion.Tests.Metrics;

/// <summary>What is kept while images stream through the metrics does not grow with their number.</summary>
[Collection(TorchTests.Collection)]
public sealed class BoundedMemoryTests : IDisposable
{
    private const string Pictures =
        "psnr,ssim,consistency,consistency_psnr,residual,projected_psnr,projected_ssim,crps,spread_error,coverage";
    private const string Distances = "fd_small,kid_small,projected_fd_small,projected_kid_small";
    private const int Width = 64; // of the small network's vectors
    private const int Batch = 50;

    private readonly TemporaryFolder _folder = new();
    private readonly MetricTools _tools;

    public BoundedMemoryTests() => _tools = new(new WeightCache([], _folder["cache"]));

    public void Dispose()
    {
        _tools.Dispose();
        _folder.Dispose();
    }

    [Fact]
    [NoTensorLeaks]
    public void Moments_of_many_vectors_take_no_more_than_those_of_few()
    {
        using var few = new FeatureMoments(Width);
        Stream(few, 500);
        var (live, size) = (Live, StateSize.Of(few));
        Assert.Equal((Width + Width * Width) * sizeof(double), size);
        using var many = new FeatureMoments(Width);
        Stream(many, 5000);
        Assert.Equal((5000, size), (many.Count, StateSize.Of(many)));
        Assert.Equal(2 * live - Before, Live);

        void Stream(FeatureMoments moments, int count)
        {
            for (var first = 0; first < count; first += Batch)
            {
                using var scope = NewDisposeScope();
                moments.Add(randn(Batch, Width));
            }
        }
    }

    /// <summary>All distances between sets, whose totals keep moments and a bounded sample: ten times as many vectors take not a byte more.</summary>
    [Fact]
    public void Totals_of_many_images_take_no_more_than_those_of_few_but_the_scores_of_each()
    {
        using var reference = Reference();
        var plan = MetricPlan.Create(MetricKinds.Parse([Distances, Pictures]), All, _tools, reference);
        Assert.Empty(plan.Refused);
        var (few, many) = (Measure(plan, 5000), Measure(plan, 50_000));
        var scoresOfAnImage = (2 * plan.ImageMetrics.Count + 1) * sizeof(double);
        Assert.Equal(45_000L * scoresOfAnImage, many.Size - few.Size);
        Assert.Equal(few.Live, many.Live);

        plan = MetricPlan.Create(MetricKinds.Parse([Distances]), All, _tools, reference);
        (few, many) = (Measure(plan, 500), Measure(plan, 5000));
        Assert.Equal(few.Live, many.Live);
        Assert.Equal(plan.FeatureKeys.Count * 4500L * (Width * sizeof(float) + sizeof(int)) + 4500 * sizeof(double), many.Size - few.Size); // the sample, full at 5000
    }

    /// <summary>Every metric of single images, on batches as the program makes them: no batch leaves a tensor behind.</summary>
    [Theory]
    [InlineData("psnr")]
    [InlineData("ssim")]
    [InlineData("consistency")]
    [InlineData("consistency_psnr")]
    [InlineData("residual")]
    [InlineData("projected_psnr")]
    [InlineData("projected_ssim")]
    [InlineData("crps")]
    [InlineData("spread_error")]
    [InlineData("coverage")]
    [InlineData("fd_small")]
    [InlineData("projected_kid_small")]
    public void Scoring_many_batches_keeps_no_more_tensors_than_scoring_one(string metric)
    {
        const int Images = 60;
        const int Size = 3;
        using var reference = Reference();
        var plan = MetricPlan.Create(MetricKinds.Parse([metric]), All, _tools, reference);
        Assert.Empty(plan.Refused);
        var options = new ComparisonOptions { Count = Images, BatchSize = Size };
        var images = new DegradedImages(new GeneratedSet(Images), DegradationSpec.Parse("box:0,0,8,16"), options);
        using var totals = new MetricTotals(plan, Images);
        var counts = new List<long>();
        var sizes = new List<long>();
        for (var first = 0; first < Images; first += Size)
        {
            using (var batch = images.ReadBatch(first, Size))
            {
                using var scope = NewDisposeScope();
                var samples = batch.Truth + 0.1 * randn([2, .. batch.Truth.shape]); // [K, B, C, H, W]
                totals.Add(BatchScorer.Score(plan, batch, samples, [.. Enumerable.Range(0, Size).Select(i => (long)i)]));
            }
            counts.Add(Live);
            sizes.Add(StateSize.Of(totals));
        }
        Assert.Equal(Images, totals.Images);
        Assert.Single(counts.Distinct());
        Assert.Single(sizes.Distinct());
    }

    private static MetricNeeds All => MetricNeeds.Truth | MetricNeeds.Measurement | MetricNeeds.Projection | MetricNeeds.Samples;

    private static long Live => DisposeScopeManager.Statistics.ThreadTotalLiveCount;

    private long Before { get; } = Live;

    // Size and live tensors behind a stream of scores and vectors of so many images.
    private static (long Size, long Live) Measure(MetricPlan plan, int images)
    {
        var before = Live;
        using var totals = new MetricTotals(plan, images);
        var generator = new Random(1);
        var vectors = new float[Batch * Width];
        var scores = new double[Batch * 2 * plan.ImageMetrics.Count];
        for (var first = 0; first < images; first += Batch)
        {
            for (var i = 0; i < vectors.Length; i++)
                vectors[i] = generator.NextSingle();
            Array.Fill(scores, 1 + generator.NextDouble());
            totals.Add(
                new BatchScores
                {
                    Images = [.. Enumerable.Range(first, Batch)],
                    Scores = scores,
                    Features = plan.FeatureKeys.ToDictionary(k => k, _ => vectors),
                    Failures = [],
                }
            );
        }
        Assert.Equal(images, totals.Images);
        return (StateSize.Of(totals), Live - before);
    }

    private static ReferenceStatistics Reference()
    {
        using var scope = NewDisposeScope();
        using var moments = new FeatureMoments(Width);
        var vectors = randn(200, Width);
        moments.Add(vectors);
        return new(
            "made up",
            new Dictionary<string, ReferenceEntry> { ["small"] = new(200, moments.Statistics(), vectors.DetachFromDisposeScope()) }
        );
    }
}

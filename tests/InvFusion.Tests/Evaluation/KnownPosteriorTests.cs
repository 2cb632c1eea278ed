using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Evaluation.Posteriors;
using InvFusion.Tests.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Evaluation;

/// <summary>Conditional samplers with exact denoisers reach posteriors that are known, whatever the operator.</summary>
[Collection(TorchTests.Collection)]
public sealed class KnownPosteriorTests
{
    private const int Samples = 4096;

    private static readonly ImageShape Image = new(3, 4, 4);

    private static readonly string[] Operators =
    [
        "random-matrix:rows=12",
        "motion:stride=2,seed=5",
        "motion:stride=4",
        "patches:size=2,keep=0.4",
        "box:0,0,2,4",
        "missing-box:1,1,3,3",
        "sr:2",
        "blur:sigma=1",
        "blur:uniform=3",
        "gray",
        "compressed:keep=0.3",
        "gray+sr:2",
    ];

    public static TheoryData<string, double> Cases =>
        [.. Operators.SelectMany(op => new[] { 0, 0.1 }.Select(noise => new TheoryDataRow<string, double>(op, noise)))];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Edm_mmse_and_nppc_reach_the_posterior(string degradation, double sigmaY)
    {
        using var scope = NewDisposeScope();
        using var prior = KnownPriors.Create("gaussian", Image);
        using var posterior = Posterior(prior, degradation, sigmaY);
        var (mean, covariance) = (posterior.Mean(), posterior.Covariance());
        var least = 1e-3 * prior.Covariance().norm().item<double>();
        var spread = Math.Sqrt(Math.Max(covariance.trace().item<double>(), 1e-3 * prior.Covariance().trace().item<double>()));
        var size = Math.Max(covariance.norm().item<double>(), least); // without noise a blur may leave nothing unknown
        var request = new SamplingRequest { Image = Image, Noise = new BalancedNoise(Samples) };
        using var drawn = new EdmSampler(new EdmOptions { Steps = 64 }).Sample(
            new MixtureDenoiser(posterior),
            request,
            cancellation: TestContext.Current.CancellationToken
        );
        var images = drawn.Images.flatten(1).to(float64);
        var extent = Math.Sqrt(spread * spread + mean.square().sum().item<double>()); // x starts at σ_max·n, without m: that costs m·√λ/σ_max
        Assert.InRange((images.mean([0]) - mean).norm().item<double>(), 0, 0.02 * extent);
        Assert.InRange((images.t().cov() - covariance).norm().item<double>(), 0, 0.02 * size);

        var few = new SamplingRequest { Image = Image, Noise = new SampleNoise([1, 2]) };
        using var estimate = new MmseEstimator().Sample(
            new MixtureDenoiser(posterior),
            few,
            cancellation: TestContext.Current.CancellationToken
        );
        Assert.InRange((estimate.Images[0].flatten().to(float64) - mean).norm().item<double>(), 0, 0.02 * spread);

        using var directed = new NppcEstimator().Sample(
            new MixtureDenoiser(posterior, directions: 2),
            few,
            cancellation: TestContext.Current.CancellationToken
        );
        foreach (var (k, direction) in directed.Directions![1].flatten(1).to(float64).unbind().Index())
        {
            var (image, length) = (covariance.mv(direction), direction.norm().item<double>()); // C w = s² w
            Assert.InRange((image - length * length * direction).norm().item<double>(), 0, 0.02 * size * length);
            var largest = linalg.eigvalsh(covariance)[-1 - k].clamp_min(0).sqrt().item<double>();
            Assert.InRange(Math.Abs(length - largest), 0, 0.02 * Math.Sqrt(size));
        }
    }

    [Fact]
    public void A_posterior_of_a_mixture_agrees_with_weighted_draws_of_its_prior()
    {
        using var scope = NewDisposeScope();
        using var prior = KnownPriors.Create("mixture", new ImageShape(1, 2, 2));
        using var op = DegradationSpec.Parse("random-matrix:rows=2").Build(new ImageShape(1, 2, 2), 1, seed: 1);
        using var measurement = new DenseMeasurement(op, sigmaY: 0.3);
        var y = tensor([0.2, -0.4]);
        using var posterior = prior.Condition(measurement, y);
        var draws = prior.Draw(200_000, seed: 1);
        var weights = (-(draws.mm(measurement.Matrix.t()) - y).square().sum([1]) / (2 * 0.09)).softmax(0).unsqueeze(1);
        var mean = (weights * draws).sum([0]);
        var covariance = (draws - mean).t().mm((draws - mean) * weights);
        Assert.InRange((mean - posterior.Mean()).abs().max().item<double>(), 0, 0.01);
        Assert.InRange((covariance - posterior.Covariance()).abs().max().item<double>(), 0, 0.01);
        Assert.NotInRange(posterior.Weights[0], 0.45, 0.55); // the measurement speaks about the component
    }

    [Fact]
    public void A_mixture_of_one_is_denoised_as_a_Gaussian_and_draws_have_its_moments()
    {
        using var scope = NewDisposeScope();
        var gaussian = new GaussianPosterior(0.2);
        using var mixture = new GaussianMixture([1], gaussian.Mean.unsqueeze(0), gaussian.Covariance.unsqueeze(0));
        var x = randn(3, GaussianPosterior.Length, 1, 1);
        var sigma = tensor([0.1f, 1, 10]);
        var expected = new GaussianDenoiser(gaussian.Mean, gaussian.Covariance).Denoise(x, sigma);
        Assert.InRange((new MixtureDenoiser(mixture).Denoise(x, sigma) - expected).abs().max().item<float>(), 0, 1e-5);
        var draws = mixture.Draw(100_000, seed: 1);
        Assert.InRange((draws.mean([0]) - gaussian.Mean).abs().max().item<double>(), 0, 0.02);
        Assert.InRange((draws.t().cov() - gaussian.Covariance).abs().max().item<double>(), 0, 0.02);
    }

    [Fact]
    public void The_distance_sees_a_shift_and_a_wrong_spread()
    {
        using var scope = NewDisposeScope();
        using var prior = KnownPriors.Create("gaussian", Image);
        var (draws, others) = (prior.Draw(2000, 1), prior.Draw(2000, 2));
        var same = PosteriorDistance.Of(others, prior, draws, prior);
        var wide = PosteriorDistance.Of((others - prior.Mean()) * 1.5 + prior.Mean(), prior, draws, prior);
        var moved = PosteriorDistance.Of(others + 0.5, prior, draws, prior);
        Assert.InRange(same.SlicedWasserstein, 0, 0.15);
        Assert.InRange(wide.Covariance, 1, 1.5); // 1.5² - 1
        Assert.InRange(moved.Mean, 0.8, 1.2); // 0.5 against a standard deviation of 0.5
        Assert.True(wide.SlicedWasserstein > 2 * same.SlicedWasserstein && moved.SlicedWasserstein > 2 * same.SlicedWasserstein);
    }

    private static GaussianMixture Posterior(GaussianMixture prior, string degradation, double sigmaY)
    {
        using var op = DegradationSpec.Parse(degradation).Build(Image, 1, seed: 11);
        using var measurement = new DenseMeasurement(op, sigmaY);
        return prior.Condition(measurement, measurement.Matrix.mv(prior.Draw(1, seed: 5)[0]));
    }
}

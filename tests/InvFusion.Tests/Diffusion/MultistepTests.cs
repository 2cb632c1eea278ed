using InvFusion.Diffusion;
using InvFusion.Evaluation.Posteriors;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Diffusion;

/// <summary>The multistep samplers against an ODE with a closed form, known posteriors, and the variance that an SDE must keep.</summary>
[Collection(TorchTests.Collection)]
public sealed class MultistepTests
{
    private const double Variance = 0.25; // of the Gaussian prior of the order tests

    public static TheoryData<string> Names => ["ipndm", "dpmpp-2m", "dpmpp-2m-sde", "unipc"];

    /// <summary>Halving the number of steps raises the error by 2^order.</summary>
    [Theory]
    [InlineData("ipndm", 1, 1, 80, 1)]
    [InlineData("ipndm", 2, 1, 80, 2)]
    [InlineData("ipndm", 3, 1, 80, 3)]
    [InlineData("ipndm", 4, 1, 80, 4)]
    [InlineData("ipndm", 4, 7, 32, 2)] // the spacing changes
    [InlineData("dpmpp-2m", 2, 7, 32, 2)]
    [InlineData("dpmpp-2m", 2, double.PositiveInfinity, 64, 2)] // at 24 steps its error changes sign
    [InlineData("unipc", 1, 7, 32, 2)] // the corrector adds an order
    [InlineData("unipc", 2, 7, 32, 3)]
    [InlineData("unipc", 3, 7, 32, 3)] // a first step of order 1 and its corrector leave an error of h³
    [InlineData("unipc", 3, double.PositiveInfinity, 32, 3)]
    public void The_error_falls_with_the_order(string name, int order, double rho, int steps, int expected)
    {
        using var scope = NewDisposeScope();
        var (coarse, fine) = (Error(name, order, rho, steps), Error(name, order, rho, 2 * steps));
        Assert.True(
            Math.Abs(Math.Log2(coarse / fine) - expected) < 0.6,
            $"the error falls from {coarse:G3} to {fine:G3}, by {coarse / fine:F2}; order {expected} is {Math.Pow(2, expected)}"
        );
    }

    [Fact]
    public void Few_steps_of_a_higher_order_are_nearer_than_as_many_evaluations_of_edm()
    {
        using var scope = NewDisposeScope();
        var heun = Error(new EdmSampler(new() { Steps = 6, Schedule = Levels(7) }));
        foreach (var name in new[] { "ipndm", "dpmpp-2m", "unipc" })
            Assert.InRange(Error(name, Create(name).Order, 7, 11), 0, heun / 2); // 11 evaluations each
    }

    [Theory]
    [InlineData("ipndm", 0.02)]
    [InlineData("dpmpp-2m", 0.02)]
    [InlineData("unipc", 0.02)]
    [InlineData("dpmpp-2m-sde", 0.08)] // random covariances miss by 4 % on their own
    public void Samples_have_the_mean_and_covariance_of_the_posterior(string name, double tolerance)
    {
        using var scope = NewDisposeScope();
        var posterior = new GaussianPosterior(sigmaY: 0.2);
        var denoiser = new GaussianDenoiser(posterior.Mean, posterior.Covariance);
        var request = new SamplingRequest { Image = SamplerRequests.Image, Noise = new BalancedNoise(4096) };
        using var result = Samplers
            .Create(name, new() { Steps = 64 })
            .Sample(denoiser, request, cancellation: TestContext.Current.CancellationToken);
        var images = result.Images.flatten(1).to(float64);
        var scale = posterior.Covariance.diagonal().max().sqrt().item<double>();
        Assert.InRange((images.mean([0]) - posterior.Mean).norm().item<double>(), 0, 0.02 * scale);
        var error = (images.t().cov() - posterior.Covariance).norm() / posterior.Covariance.norm();
        Assert.InRange(error.item<double>(), 0, tolerance);
        Assert.Equal(64, denoiser.Evaluations);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Samples_of_a_mixture_are_as_near_as_exact_draws(string name)
    {
        using var scope = NewDisposeScope();
        var image = new InvFusion.Degradations.ImageShape(1, 3, 3);
        using var mixture = KnownPriors.Create("mixture", image);
        const int Samples = 2000;
        var request = new SamplingRequest { Image = image, Noise = new SampleNoise(Enumerable.Range(0, Samples).Select(i => (ulong)i)) };
        using var result = Samplers
            .Create(name, new() { Steps = 48 })
            .Sample(new MixtureDenoiser(mixture), request, cancellation: TestContext.Current.CancellationToken);
        Tensor draws = mixture.Draw(Samples, 1),
            others = mixture.Draw(Samples, 2);
        var least = PosteriorDistance.Of(others, mixture, draws, mixture).SlicedWasserstein;
        var distance = PosteriorDistance.Of(result.Images.flatten(1).to(float64), mixture, draws, mixture).SlicedWasserstein;
        Assert.InRange(distance, 0, 1.7 * least);
    }

    /// <summary>Where the image is certain, x is the image and noise of the level's own variance, whatever η.</summary>
    [Theory]
    [InlineData(0.5)]
    [InlineData(1.0)]
    [InlineData(2.0)]
    public void The_noise_in_x_keeps_the_variance_of_its_level(double eta)
    {
        using var scope = NewDisposeScope();
        var image = randn(1, GaussianPosterior.Length, 1, 1);
        var denoiser = new CertainDenoiser(image);
        var sampler = Samplers.Create("dpmpp-2m-sde", new() { Steps = 8, Eta = eta });
        sampler.Sample(denoiser, SamplerRequests.ForCount(4096), cancellation: TestContext.Current.CancellationToken).Dispose();
        Assert.Equal(8, denoiser.Deviations.Count);
        Assert.All(denoiser.Deviations, d => Assert.Equal(d.Sigma, d.Found, 0.02 * d.Sigma)); // 24,576 numbers: 0.5 % by chance
    }

    [Fact]
    public void Without_fresh_noise_the_sde_is_the_ode()
    {
        using var scope = NewDisposeScope();
        var denoiser = new GaussianDenoiser(zeros(GaussianPosterior.Length, float64), eye(GaussianPosterior.Length, dtype: float64));
        var request = SamplerRequests.ForSeeds(1, 2);
        using var sde = Samplers.Create("dpmpp-2m-sde", new() { Steps = 9, Eta = 0 }).Sample(denoiser, request);
        using var ode = Samplers.Create("dpmpp-2m", new() { Steps = 9 }).Sample(denoiser, SamplerRequests.ForSeeds(1, 2));
        Assert.Equal(0, (sde.Images - ode.Images).abs().max().item<float>(), 1e-5);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Given_levels_are_walked_down_and_the_last_step_takes_the_denoised_image(string name)
    {
        using var scope = NewDisposeScope();
        var sigmas = new List<double>();
        var image = randn(1, GaussianPosterior.Length, 1, 1);
        double[] levels = [40, 3, 0.5, 0.25];
        using var result = Samplers
            .Create(name, new() { Steps = 4, Levels = new NoiseLevels(levels) })
            .Sample(new CertainDenoiser(image), SamplerRequests.ForSeeds(1), new Sigmas(sigmas));
        Assert.Equal(levels, sigmas);
        Assert.Equal(image[0].flatten().data<float>().ToArray(), result.Images[0].flatten().data<float>().ToArray());
        var message = Assert
            .Throws<ConfigurationException>(() => Samplers.Create(name, new() { Steps = 3, Levels = new NoiseLevels(levels) }))
            .Message;
        Assert.Contains("4 noise levels for 3 steps", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new double[] { })]
    [InlineData(new[] { 3.0, 3.0 })]
    [InlineData(new[] { 3.0, 0.0 })]
    [InlineData(new[] { double.PositiveInfinity, 1.0 })]
    [InlineData(new[] { 3.0, double.NaN })]
    public void Levels_that_do_not_fall_are_refused(double[] levels) =>
        Assert.Contains("fall", Assert.Throws<ConfigurationException>(() => new NoiseLevels(levels)).Message, StringComparison.Ordinal);

    [Fact]
    public void Orders_and_churn_that_a_multistep_method_has_not_are_refused_by_name()
    {
        Assert.StartsWith("order", Assert.Throws<ConfigurationException>(() => new UniPcSampler(new() { Order = 4 })).Message);
        Assert.StartsWith("churn", Assert.Throws<ConfigurationException>(() => new IpndmSampler(new() { Churn = 1 })).Message);
        Assert.StartsWith("eta", Assert.Throws<ConfigurationException>(() => new DpmSolverSdeSampler(new() { Eta = -1 })).Message);
    }

    /// <summary>w_m (D_m - D) is exact where D is a polynomial of λ of as many degrees as there are points.</summary>
    [Theory]
    [InlineData(0.3, new[] { -1.2, -0.7 })]
    [InlineData(0.3, new[] { -0.9, 1.0 })]
    [InlineData(2.5, new[] { -1.1, -0.4, 1.0 })]
    [InlineData(1e-4, new[] { -2.0, -1.0, 1.0 })]
    public void The_weights_integrate_polynomials(double step, double[] places)
    {
        var weights = UniPcWeights.Of(step, places);
        for (var degree = 1; degree <= places.Length; degree++)
        {
            var exact = Integral(step, degree);
            var sum = weights.Zip(places, (w, r) => w * Math.Pow(r * step, degree)).Sum();
            Assert.Equal(exact, sum, 1e-6 * exact);
        }
    }

    // ∫₀ʰ e^{-(h-u)} uᵈ du by Simpson's rule.
    private static double Integral(double step, int degree)
    {
        const int Intervals = 2000;
        var sum = 0.0;
        for (var i = 0; i <= Intervals; i++)
        {
            var u = step * i / Intervals;
            var weight = i is 0 or Intervals ? 1 : 2 + 2 * (i % 2);
            sum += weight * Math.Exp(u - step) * Math.Pow(u, degree);
        }
        return sum * step / Intervals / 3;
    }

    private static NoiseSchedule Levels(double rho) =>
        new()
        {
            SigmaMin = 0.2,
            SigmaMax = 20,
            Rho = rho,
        };

    private static double Error(string name, int order, double rho, int steps)
    {
        var options = Create(name) with { Order = order, Steps = steps, Schedule = Levels(rho) };
        return Error(
            name switch
            {
                "ipndm" => new IpndmSampler(options),
                "dpmpp-2m" => new DpmSolverSampler(options),
                _ => new UniPcSampler(options),
            }
        );
    }

    private static MultistepOptions Create(string name) =>
        name switch
        {
            "ipndm" => IpndmSampler.Defaults,
            "dpmpp-2m" => DpmSolverSampler.Defaults,
            _ => UniPcSampler.Defaults,
        };

    // Of a prior N(0, c) the ODE has the solution x ∝ √(c + σ²); the last step gives x·c/(c + σ_min²).
    private static double Error(ISampler sampler)
    {
        var n = GaussianPosterior.Length;
        var denoiser = new GaussianDenoiser(zeros(n, float64), Variance * eye(n, dtype: float64));
        var (low, high) = (Levels(7).SigmaMin, Levels(7).SigmaMax);
        var start = SamplerRequests.ForSeeds(7).Noise.Normal(n, 1, 1).to(float64) * high;
        var exact = start * Math.Sqrt((Variance + low * low) / (Variance + high * high)) * Variance / (Variance + low * low);
        using var result = sampler.Sample(denoiser, SamplerRequests.ForSeeds(7));
        return ((result.Images.to(float64) - exact).norm() / exact.norm()).item<double>();
    }

    /// <summary>Knows the image, and notes the standard deviation of what it is given around it.</summary>
    private sealed class CertainDenoiser(Tensor image) : IDenoiser
    {
        public List<(double Sigma, double Found)> Deviations { get; } = [];

        public Tensor Denoise(Tensor x, Tensor sigma)
        {
            Deviations.Add((sigma.item<float>(), (x - image).square().mean().sqrt().item<float>()));
            return image.expand(x.shape).clone();
        }
    }

    private sealed class Sigmas(List<double> seen) : IProgress<SamplingProgress>
    {
        public void Report(SamplingProgress value) => seen.Add(value.Sigma);
    }
}

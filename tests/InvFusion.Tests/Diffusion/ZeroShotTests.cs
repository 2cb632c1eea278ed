using InvFusion.Degradations;
using InvFusion.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Diffusion;

[Collection(TorchTests.Collection)]
public sealed class ZeroShotTests
{
    public static TheoryData<string> Names => [.. Samplers.All.Where(s => s.ZeroShot).Select(s => s.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Without_a_measurement_there_is_nothing_to_do(string name)
    {
        var request = SamplerRequests.ForSeeds(1) with { Problem = null };
        var error = Assert.Throws<ConfigurationException>(() =>
            Samplers.Create(name).Sample(Prior(), request, cancellation: TestContext.Current.CancellationToken)
        );
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ddrm", 1e-4)]
    [InlineData("ddnm", 1e-4)]
    [InlineData("pigdm", 1e-2)]
    [InlineData("daps", 1e-4)]
    public void A_measurement_without_noise_is_met(string name, double tolerance)
    {
        using var scope = NewDisposeScope();
        var problem = SamplerRequests.Problem with { SigmaY = 0 };
        var options = name == "daps" ? new SamplerOptions { LangevinSteps = 0 } : new SamplerOptions();
        using var result = Samplers
            .Create(name, options)
            .Sample(
                Prior(),
                SamplerRequests.ForSeeds(1, 2) with
                {
                    Problem = problem,
                },
                cancellation: TestContext.Current.CancellationToken
            );
        var residual = problem.Operator.Apply(result.Images.unsqueeze(1)) - problem.Measurements;
        Assert.InRange(residual.abs().max().item<float>(), 0, tolerance);
    }

    /// <summary>An isotropic Gaussian of EDM's σ_d is where the guidance of pigdm is the exact score.</summary>
    [Theory]
    [InlineData(SamplerVariant.Paper, 0, 0.03)]
    [InlineData(SamplerVariant.Reference, 0.2, 10)]
    public void Pigdm_reaches_the_posterior_of_an_isotropic_Gaussian_and_its_reference_form_does_not(
        SamplerVariant variant,
        double least,
        double most
    )
    {
        using var scope = NewDisposeScope();
        var problem = SamplerRequests.Problem with { SigmaY = 0.3 };
        var sampler = new PigdmSampler(
            new ZeroShotOptions
            {
                Steps = 400,
                Eta = 0,
                Variant = variant,
            }
        );
        var request = SamplerRequests.ForSeeds(1) with { Noise = new BalancedNoise(256), Problem = problem };
        using var result = sampler.Sample(Prior(), request, cancellation: TestContext.Current.CancellationToken);
        var images = result.Images.flatten(1).to(float64);
        var mask = tensor([1.0, 0, 1, 0, 0, 1]);
        var gain = mask * (0.25 / (0.25 + 0.09));
        var (mean, variance) = (gain * problem.Measurements.flatten().to(float64), 0.25 * (1 - gain));
        var covariance = images.t().cov() * (255.0 / 256);
        var error = Math.Max(
            (images.mean([0]) - mean).abs().max().item<double>() / 0.5,
            (covariance - variance.diag()).norm().item<double>() / variance.norm().item<double>()
        );
        Assert.InRange(error, least, most);
    }

    [Fact]
    public void The_reference_form_of_dps_mixes_the_samples_of_a_batch()
    {
        using var scope = NewDisposeScope();
        var sampler = Samplers.Create("dps", new SamplerOptions { Steps = 20, Variant = SamplerVariant.Reference });
        using var together = sampler.Sample(Prior(), SamplerRequests.ForSeeds(5, 17), cancellation: TestContext.Current.CancellationToken);
        using var alone = sampler.Sample(Prior(), SamplerRequests.ForSeeds(17), cancellation: TestContext.Current.CancellationToken);
        Assert.True((together.Images[1] - alone.Images[0]).abs().max().item<float>() > 1e-3);
    }

    [Theory]
    [InlineData("edm", "eta")]
    [InlineData("ddrm", "step-size")]
    [InlineData("dps", "langevin-steps")]
    [InlineData("nppc", "variant")]
    public void An_option_of_another_method_is_refused_by_name(string name, string option)
    {
        var options = new SamplerOptions
        {
            Eta = option == "eta" ? 0.5 : null,
            StepSize = option == "step-size" ? 0.5 : null,
            LangevinSteps = option == "langevin-steps" ? 3 : null,
            Variant = option == "variant" ? SamplerVariant.Paper : null,
        };
        var message = Assert.Throws<ConfigurationException>(() => Samplers.Create(name, options)).Message;
        Assert.Contains(option, message, StringComparison.Ordinal);
        Assert.Empty(options.For(Samplers.Find(name)).Given());
    }

    [Fact]
    public void The_norm_of_an_operator_is_its_largest_singular_value()
    {
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse("random-matrix:rows=7").Build(new ImageShape(1, 4, 4), 2, seed: 3);
        var expected = linalg.svdvals(((MatrixOperator)op).Matrix).amax([1]).square();
        var norm = OperatorNorm.Squared(op, CPU).flatten();
        Assert.InRange((norm / expected - 1).abs().max().item<float>(), 0, 1e-2);
    }

    private static GaussianDenoiser Prior() =>
        new(zeros(GaussianPosterior.Length, float64), 0.25 * eye(GaussianPosterior.Length, dtype: float64));
}

using InvFusion.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Diffusion;

[Collection(TorchTests.Collection)]
public sealed class SamplersTests
{
    [Fact]
    public void An_unknown_sampler_is_refused_with_the_list_of_names()
    {
        var message = Assert.Throws<ConfigurationException>(() => Samplers.Create("euler")).Message;
        Assert.Contains("euler", message, StringComparison.Ordinal);
        Assert.All(Samplers.All, s => Assert.Contains(s.Name, message, StringComparison.Ordinal));
    }

    [Fact]
    public void An_option_of_another_sampler_is_refused_by_name() =>
        Assert.Contains(
            "churn",
            Assert.Throws<ConfigurationException>(() => Samplers.Create("mmse", new SamplerOptions { Churn = 1 })).Message,
            StringComparison.Ordinal
        );

    [Theory]
    [InlineData(0)]
    [InlineData(-3)]
    public void Steps_must_be_positive(int steps) =>
        Assert.StartsWith(
            "steps",
            Assert.Throws<ConfigurationException>(() => Samplers.Create("edm", new SamplerOptions { Steps = steps })).Message,
            StringComparison.Ordinal
        );

    [Fact]
    public void The_default_steps_of_the_table_are_those_of_the_sampler()
    {
        using var scope = NewDisposeScope();
        foreach (var kind in Samplers.All.Where(s => s.NeedsNetwork))
        {
            var last = default(SamplingProgress);
            var denoiser = new GaussianDenoiser(zeros(GaussianPosterior.Length, float64), eye(GaussianPosterior.Length, dtype: float64));
            var progress = new LastProgress(p => last = p);
            kind.Build(new SamplerOptions())
                .Sample(denoiser, SamplerRequests.ForSeeds(1), progress, TestContext.Current.CancellationToken)
                .Dispose();
            Assert.Equal(kind.DefaultSteps, last.Step);
            Assert.Equal(kind.DefaultSteps, last.Steps);
        }
    }

    [Fact]
    public void Every_option_given_by_name_counts()
    {
        using var scope = NewDisposeScope();
        var sigmas = new List<double>();
        var options = new SamplerOptions
        {
            Steps = 3,
            SigmaMin = 1,
            SigmaMax = 3,
            Rho = 1,
            Churn = 3,
            ChurnMin = 1.5,
            ChurnMax = 2.5,
            ChurnNoise = 0,
        };
        var denoiser = new GaussianDenoiser(zeros(GaussianPosterior.Length, float64), eye(GaussianPosterior.Length, dtype: float64));
        Samplers
            .Create("edm", options)
            .Sample(
                denoiser,
                SamplerRequests.ForSeeds(1),
                new LastProgress(p => sigmas.Add(p.Sigma)),
                TestContext.Current.CancellationToken
            )
            .Dispose();
        // Only the level 2 lies in [1.5, 2.5] and is raised, by √2.
        double[] expected = [3, 2, 2 * Math.Sqrt(2), 1, 1];
        Assert.Equal(expected.Length, sigmas.Count);
        Assert.All(expected.Zip(sigmas), pair => Assert.Equal(pair.First, pair.Second, 1e-9));
    }

    private sealed class LastProgress(Action<SamplingProgress> action) : IProgress<SamplingProgress>
    {
        public void Report(SamplingProgress value) => action(value);
    }
}

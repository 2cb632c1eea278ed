using InvFusion.Diffusion;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Diffusion;

[Collection(TorchTests.Collection)]
public sealed class SamplerBehaviourTests
{
    public static TheoryData<string> Names => [.. Samplers.All.Where(s => s.NeedsNetwork).Select(s => s.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_sample_is_the_same_alone_and_in_a_batch(string name)
    {
        using var scope = NewDisposeScope();
        var (denoiser, sampler) = (Denoiser(), Samplers.Create(name));
        using var together = sampler.Sample(
            denoiser,
            SamplerRequests.ForSeeds(5, 17, 3),
            cancellation: TestContext.Current.CancellationToken
        );
        using var alone = sampler.Sample(denoiser, SamplerRequests.ForSeeds(17), cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(Bits(alone.Images[0]), Bits(together.Images[1]));
        Assert.NotEqual(Bits(together.Images[0]), Bits(together.Images[1]));
    }

    [Fact]
    public void Churn_keeps_a_sample_independent_of_its_batch()
    {
        using var scope = NewDisposeScope();
        var (denoiser, sampler) = (Denoiser(), new EdmSampler(new EdmOptions { Steps = 12, Churn = 6 }));
        using var together = sampler.Sample(denoiser, SamplerRequests.ForSeeds(5, 17), cancellation: TestContext.Current.CancellationToken);
        using var alone = sampler.Sample(denoiser, SamplerRequests.ForSeeds(17), cancellation: TestContext.Current.CancellationToken);
        using var plain = new EdmSampler(new EdmOptions { Steps = 12 }).Sample(
            denoiser,
            SamplerRequests.ForSeeds(17),
            cancellation: TestContext.Current.CancellationToken
        );
        Assert.Equal(Bits(alone.Images[0]), Bits(together.Images[1]));
        Assert.NotEqual(Bits(alone.Images[0]), Bits(plain.Images[0]));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_sample_that_turns_to_NaN_fails_alone_and_is_named(string name)
    {
        using var scope = NewDisposeScope();
        var (denoiser, sampler) = (Denoiser(), Samplers.Create(name));
        using var healthy = sampler.Sample(
            denoiser,
            SamplerRequests.ForSeeds(5, 17, 3),
            cancellation: TestContext.Current.CancellationToken
        );
        var failing = new FailingDenoiser(denoiser, sample: 1, below: Samplers.Find(name).DefaultSteps == 1 ? 1000 : 1);
        using var result = sampler.Sample(failing, SamplerRequests.ForSeeds(5, 17, 3), cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(Bits(healthy.Images[0]), Bits(result.Images[0]));
        Assert.Equal(Bits(healthy.Images[2]), Bits(result.Images[2]));
        Assert.True(result.Images[1].isnan().all().item<bool>());
        Assert.Null(result.Failures[0]);
        Assert.Null(result.Failures[2]);
        var failure = Assert.IsType<SampleFailure>(result.Failures[1]);
        Assert.Contains("sample 1 (seed 17)", failure.Message, StringComparison.Ordinal);
        Assert.Equal(failing.FirstSigma, failure.Sigma, 1e-5 * failure.Sigma);
        Assert.Throws<DivergenceException>(result.ThrowIfFailed);
        healthy.ThrowIfFailed();
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void A_sample_whose_own_state_is_not_finite_fails_alone_and_is_named(string name, SamplerVariant? variant)
    {
        using var scope = NewDisposeScope();
        var (denoiser, sampler) = (Denoiser(), Samplers.Create(name, new() { Variant = variant }));
        var request = SamplerRequests.ForSeeds(5, 17, 3);
        using var healthy = sampler.Sample(denoiser, request, cancellation: TestContext.Current.CancellationToken);
        request = SamplerRequests.ForSeeds(5, 17, 3);
        using var result = sampler.Sample(
            denoiser,
            request with
            {
                Noise = new BrokenNoise(request.Noise, sample: 1),
            },
            cancellation: TestContext.Current.CancellationToken
        );
        // The public dps takes one norm over the batch: there the others feel that one is gone.
        if ((name, variant) != ("dps", SamplerVariant.Reference))
        {
            Assert.Equal(Bits(healthy.Images[0]), Bits(result.Images[0]));
            Assert.Equal(Bits(healthy.Images[2]), Bits(result.Images[2]));
        }
        Assert.Equal([true, false, true], result.Images.flatten(1).isfinite().all(1).data<bool>());
        Assert.Equal("sample 1 (seed 17)", Assert.Single(result.Failures.OfType<SampleFailure>()).Name);
    }

    public static TheoryData<string, SamplerVariant?> Variants =>
        [
            .. Samplers
                .All.Where(s => s.NeedsNetwork)
                .SelectMany(s =>
                    (s.OptionNames.Contains("variant") ? Enum.GetValues<SamplerVariant>().Cast<SamplerVariant?>() : [null]).Select(
                        v => new TheoryDataRow<string, SamplerVariant?>(s.Name, v)
                    )
                ),
        ];

    [Fact]
    public void Directions_that_are_not_finite_fail_their_sample()
    {
        using var scope = NewDisposeScope();
        var failing = new FailingDenoiser(Denoiser(), sample: 1, below: 1000, channel: GaussianPosterior.Length);
        using var result = new NppcEstimator().Sample(
            failing,
            SamplerRequests.ForSeeds(5, 17),
            cancellation: TestContext.Current.CancellationToken
        );
        Assert.Equal("sample 1 (seed 17)", Assert.Single(result.Failures.OfType<SampleFailure>()).Name);
        Assert.True(result.Images[1].isnan().all().item<bool>());
        Assert.True(result.Directions![0].isfinite().all().item<bool>());
    }

    [Fact]
    public void Sampling_ends_early_when_every_sample_has_failed()
    {
        using var scope = NewDisposeScope();
        var failing = new FailingDenoiser(Denoiser(), sample: 0, below: 1);
        using var result = new EdmSampler().Sample(
            failing,
            SamplerRequests.ForSeeds(1),
            cancellation: TestContext.Current.CancellationToken
        );
        Assert.NotNull(result.Failures[0]);
        Assert.InRange(result.Evaluations, 2, 62);
    }

    [Fact]
    public void Cancelling_ends_the_run_at_the_next_evaluation()
    {
        using var scope = NewDisposeScope();
        using var source = new CancellationTokenSource();
        var denoiser = Denoiser();
        var progress = new Recorder(p =>
        {
            if (p.Evaluations == 5)
                source.Cancel();
        });
        Assert.Throws<OperationCanceledException>(() =>
            new EdmSampler().Sample(denoiser, SamplerRequests.ForSeeds(1), progress, source.Token)
        );
        Assert.Equal(5, denoiser.Evaluations);
    }

    [Fact]
    public void Progress_counts_steps_and_evaluations()
    {
        using var scope = NewDisposeScope();
        var progress = new Recorder();
        using var result = new EdmSampler(new EdmOptions { Steps = 3 }).Sample(
            Denoiser(),
            SamplerRequests.ForSeeds(1),
            progress,
            TestContext.Current.CancellationToken
        );
        Assert.Equal([1, 1, 2, 2, 3], progress.Seen.Select(p => p.Step));
        Assert.Equal([1, 2, 3, 4, 5], progress.Seen.Select(p => p.Evaluations));
        Assert.All(progress.Seen, p => Assert.Equal(3, p.Steps));
        Assert.Equal(5, result.Evaluations);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_number_of_live_tensors_does_not_grow(string name)
    {
        using var scope = NewDisposeScope();
        var (denoiser, sampler) = (Denoiser(), Samplers.Create(name));
        var request = SamplerRequests.ForSeeds(1, 2);
        long before = DisposeScopeManager.Statistics.ThreadTotalLiveCount,
            least = long.MaxValue,
            most = 0;
        var progress = new Recorder(p =>
        {
            var live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
            (least, most) = (Math.Min(least, live), Math.Max(most, live));
        });
        sampler.Sample(denoiser, request, progress, TestContext.Current.CancellationToken).Dispose();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.InRange(most - least, 0, 6); // predictor and corrector hold different numbers; 63 evaluations would add up
    }

    [Fact]
    public void A_result_outlives_the_scopes_inside_the_sampler_and_needs_no_gradient()
    {
        using var scope = NewDisposeScope();
        using var result = new EdmSampler(new EdmOptions { Steps = 1 }).Sample(
            Denoiser(),
            SamplerRequests.ForSeeds(1),
            cancellation: TestContext.Current.CancellationToken
        );
        Assert.False(result.Images.IsInvalid);
        Assert.False(result.Images.requires_grad);
        Assert.True(result.Images.isfinite().all().item<bool>());
    }

    private static GaussianDenoiser Denoiser()
    {
        var posterior = new GaussianPosterior(sigmaY: 0.2);
        return new GaussianDenoiser(posterior.Mean, posterior.Covariance);
    }

    private static byte[] Bits(Tensor t) => t.contiguous().bytes.ToArray();

    /// <summary>Hands every report over at once, unlike <see cref="Progress{T}"/>.</summary>
    private sealed class Recorder(Action<SamplingProgress>? action = null) : IProgress<SamplingProgress>
    {
        public List<SamplingProgress> Seen { get; } = [];

        public void Report(SamplingProgress value)
        {
            Seen.Add(value);
            action?.Invoke(value);
        }
    }

    /// <summary>Puts a NaN into one number of one sample once σ is low enough.</summary>
    private sealed class FailingDenoiser(IDirectionDenoiser inner, int sample, double below, int channel = 0) : IDirectionDenoiser
    {
        public double FirstSigma { get; private set; }

        public int Directions => inner.Directions;

        public Tensor DenoiseWithDirections(Tensor x, Tensor sigma) => Fail(inner.DenoiseWithDirections(x, sigma), sigma);

        public Tensor Denoise(Tensor x, Tensor sigma) => Fail(inner.Denoise(x, sigma), sigma);

        private Tensor Fail(Tensor denoised, Tensor sigma)
        {
            if (sigma[0].item<float>() >= below)
                return denoised;
            if (FirstSigma == 0)
                FirstSigma = sigma[0].item<float>();
            denoised[sample, channel, 0, 0] = double.NaN;
            return denoised;
        }
    }

    /// <summary>The first number that a sample draws is infinite.</summary>
    private sealed class BrokenNoise(INoiseSource inner, int sample) : INoiseSource
    {
        private bool _drawn;

        public int BatchSize => inner.BatchSize;

        public string NameOf(int sample) => inner.NameOf(sample);

        public Tensor Normal(params ReadOnlySpan<long> shape)
        {
            var normals = inner.Normal(shape);
            if (!_drawn)
                normals.flatten(1)[sample, 0] = double.PositiveInfinity;
            _drawn = true;
            return normals;
        }
    }
}

using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Evaluation;
using InvFusion.Models;
using InvFusion.Tests.Data;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Models;
using InvFusion.Tests.Runtime;
using InvFusion.Tests.Training;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Evaluation;

[Collection(TorchTests.Collection)]
public sealed class MethodComparisonTests
{
    private static readonly NetworkConfiguration Unconditional = TestNetworks.Configuration with { Kind = NetworkKind.Unconditional };

    [Fact]
    public void Images_of_which_nothing_was_lost_do_not_count()
    {
        const int Images = 60;
        using var set = new MemorySet(Images);
        var spec = DegradationSpec.Parse("patches:size=1,keep=0.5");
        var row = new MethodComparison(set, spec, new() { Count = Images, BatchSize = Images }).PseudoInverse();

        using var scope = NewDisposeScope();
        using var op = spec.Build(new(1, 2, 2), Images);
        var whole = (int)op.Picture()!.amin([1, 2, 3]).sum().item<float>();
        Assert.InRange(whole, 1, Images - 1);
        Assert.Equal((Images - whole, 0), (row.Images, row.Failed));
        Assert.InRange(row.Psnr.Mean, row.Psnr.Low, row.Psnr.High);
        Assert.True(row.Psnr.Low < row.Psnr.High);
        Assert.Equal(new Estimate(0, 0, 0), row.Gain);
    }

    [Fact]
    [NoTensorLeaks]
    public void A_row_counts_what_was_called_and_scores_against_the_pseudo_inverse_of_the_same_images()
    {
        using var scope = NewDisposeScope();
        using var set = new GeneratedSet(5);
        using var network = TestNetworks.Create(Unconditional);
        var comparison = Create(set, "sr:2", sigmaY: 0);
        var inverse = comparison.PseudoInverse();
        var told = new List<(double Done, double Total)>();
        var row = comparison.Run(Contestant(network, "ddnm", steps: 3), progress: new Told(told.Add));
        // A step: H⁺(y - H x₀); then the projection, and H for nothing else.
        Assert.Equal((5, 3, 3 + 1, 3 + 1), (row.Images, row.Evaluations, row.ForwardCalls, row.InverseCalls));
        Assert.Equal("ddnm, projected", row.Method);
        Assert.Equal(row.Psnr.Mean - inverse.Psnr.Mean, row.Gain.Mean, 1e-9);
        Assert.InRange(row.Consistency, 0, 1e-4);
        Assert.InRange(row.PeakMegabytes, 20, 1e6);
        Assert.Equal((2 * 1, 5 * 3), told[0]); // a batch of two, one evaluation of three
        Assert.Equal((5 * 3, 5 * 3), told[^1]);
        Assert.True(told.Zip(told.Skip(1)).All(p => p.First.Done < p.Second.Done));
    }

    [Fact]
    [NoTensorLeaks]
    public void The_linear_estimate_is_scored_on_the_same_images_without_a_network()
    {
        using var set = new GeneratedSet(5);
        var comparison = Create(set, "sr:2", sigmaY: 0.1);
        var linear = comparison.LinearEstimate();
        Assert.Equal(("", "linear", 5, 0), (linear.Model, linear.Method, linear.Images, linear.Evaluations));
        Assert.Equal(linear.Psnr.Mean - comparison.PseudoInverse().Psnr.Mean, linear.Gain.Mean, 1e-9);
        Assert.NotEqual(0, linear.Gain.Mean, 1e-3);
    }

    [Fact]
    public void Fewer_images_are_the_first_ones_with_the_same_measurements()
    {
        using var scope = NewDisposeScope();
        using var set = new GeneratedSet(5);
        using var network = TestNetworks.Create(Unconditional);
        var all = Create(set, "random-matrix:rows=16", sigmaY: 0.1);
        var few = Create(set, "random-matrix:rows=16", sigmaY: 0.1, count: 3);
        var expected = few.Run(Contestant(network, "ddrm", steps: 2));
        var row = all.Run(Contestant(network, "ddrm", steps: 2), count: 3);
        Assert.Equal(3, row.Images);
        Assert.Equal(expected.Psnr.Mean, row.Psnr.Mean, 1e-6);
        Assert.NotEqual(expected.Psnr.Mean, all.Run(Contestant(network, "ddrm", steps: 2)).Psnr.Mean, 1e-3);
    }

    [Fact]
    public void Noise_is_the_same_for_all_damps_the_pseudo_inverse_and_ends_the_projection()
    {
        using var scope = NewDisposeScope();
        using var set = new GeneratedSet(4);
        using var network = TestNetworks.Create(Unconditional);
        var comparison = Create(set, "sr:1,method=box", sigmaY: 0.25, count: 4);
        var inverse = comparison.PseudoInverse();
        Assert.Equal("H⁺y, damped by σ_y/0.5", inverse.Method);
        Assert.Equal(0.25, inverse.SigmaY);
        var row = comparison.Run(Contestant(network, "ddnm", steps: 2));
        Assert.Equal("ddnm", row.Method);
        Assert.True(row.Consistency > 0.01, "with noise nothing is moved onto the measurement");

        // H = 1 and λ² = 1/4: H⁺_λ y = 0.8 (x + σ_y n), so y - H H⁺_λ y = 0.2 y.
        var (shape, sum) = (new ImageShape(3, set.Size, set.Size), 0.0);
        using var op = DegradationSpec.Parse("sr:1,method=box").Build(shape);
        for (var i = 0; i < 4; i++)
        {
            var planes = new byte[shape.Length];
            set.Read(i, planes);
            var truth = InvFusion.Data.Pictures.ToTensor(planes, shape);
            var y = MeasurementNoise.Add(op, op.Apply(truth.unsqueeze(1)), 0.25, [7 + (ulong)i]);
            sum += 0.2 * y.square().mean().sqrt().item<float>();
        }
        Assert.Equal(sum / 4, inverse.Consistency, 1e-6);
    }

    [Fact]
    public void A_network_of_the_other_kind_and_too_many_images_are_refused()
    {
        using var set = new GeneratedSet(4);
        using var network = TestNetworks.Create(Unconditional);
        var comparison = Create(set, "sr:2", sigmaY: 0, count: 4);
        Assert.Contains(
            "edm",
            Assert.Throws<ConfigurationException>(() => comparison.Run(Contestant(network, "edm", steps: 2))).Message,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "--num 5",
            Assert.Throws<ConfigurationException>(() => Create(set, "sr:2", sigmaY: 0)).Message,
            StringComparison.Ordinal
        );
    }

    private static MethodComparison Create(GeneratedSet set, string degradation, double sigmaY, int count = 5) =>
        new(
            set,
            DegradationSpec.Parse(degradation),
            new()
            {
                Count = count,
                BatchSize = 2,
                Seed = 7,
                SigmaY = sigmaY,
            }
        );

    private static Contestant Contestant(PreconditionedNetwork network, string method, int steps) =>
        new("prior", network, method, new SamplerOptions { Steps = steps }, Project: true);

    private sealed class Told(Action<(double Done, double Total)> tell) : IProgress<(double Done, double Total)>
    {
        public void Report((double Done, double Total) value) => tell(value);
    }
}

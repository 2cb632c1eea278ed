using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Models;
using InvFusion.Restoration;
using InvFusion.Tests.Degradations;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Models;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Restoration;

[Collection(TorchTests.Collection)]
public sealed class GuidanceTests
{
    private const int Evaluations = 2 * 3 - 1;
    private static readonly RestoreOptions Options = new()
    {
        Method = "edm",
        Sampler = new() { Steps = 3 },
        Samples = 2,
    };

    [Theory]
    [InlineData(1f)] // one σ for all
    [InlineData(0.1f, 1f, 3f)] // the first is outside the interval
    [NoTensorLeaks]
    public void Both_branches_of_one_network_in_one_batch_are_what_two_calls_give(params float[] sigmas)
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration with { Classes = 4 });
        using var op = new MatrixOperator(TestNetworks.Shape, Close.Normals(5, 1, 20, TestNetworks.Shape.Length));
        Tensor x = Close.Normals(6, 3, 3, 16, 16),
            y = Close.Normals(7, 1, 1, 20),
            sigma = tensor(sigmas);
        var interval = new SigmaInterval(0.5, 5);
        var options = Options with { Class = 2, Guidance = 3, GuidanceInterval = interval };
        var together = new RestoreDenoiser(network, null, options).Create(op, y, 3);
        var expanded = y.expand(3, -1, -1);
        var main = new NetworkDenoiser(network, new(op, expanded, full([3], 2, dtype: ScalarType.Int64)));
        var reference = new NetworkDenoiser(network, new(op, expanded));
        using var noGrad = no_grad();
        var expected = new GuidedDenoiser(main, reference, 3, interval).Denoise(x, sigma);
        TensorAssert.Close(expected, together.Denoise(x, sigma), 1e-5);
        TensorAssert.Differs(expected, main.Denoise(x, sigma), 1e-2);
        Assert.Equal(3, ((GuidedDenoiser)together).ReferenceEvaluations);
    }

    [Fact]
    [NoTensorLeaks]
    public void A_guide_needs_no_classes_and_its_weight_goes_from_itself_to_the_model()
    {
        using var scope = NewDisposeScope();
        using PreconditionedNetwork network = TestNetworks.Create(TestNetworks.Configuration),
            guide = TestNetworks.Create(TestNetworks.Configuration with { Kind = NetworkKind.Unconditional }, seed: 4);
        using var op = DegradationSpec.Parse("sr:4").Build(TestNetworks.Shape);
        var y = op.Apply(Close.Normals(8, 1, 1, 3, 16, 16));
        using RestoredImage main = new Restorer(network).Restore(op, y, Options),
            one = new Restorer(network, guide).Restore(op, y, Options with { Guidance = 1 }),
            two = new Restorer(network, guide).Restore(op, y, Options with { Guidance = 2 }),
            late = new Restorer(network, guide).Restore(op, y, Options with { Guidance = 2, GuidanceInterval = new(70, 90) }),
            prior = new Restorer(guide).Restore(null, null, Options),
            zero = new Restorer(network, guide).Restore(op, y, Options with { Guidance = 0, Project = false });
        TensorAssert.Close(main.Samples, one.Samples, 1e-6);
        TensorAssert.Close(prior.Samples, zero.Samples, 3e-5); // D - (D - D_ref) rounds, differently on each processor
        TensorAssert.Differs(main.Samples, two.Samples, 1e-2);
        TensorAssert.Differs(two.Samples, late.Samples, 1e-3);
        Assert.Equal(2 * Evaluations, one.Evaluations);
        Assert.Equal(2 * 2 * Evaluations, two.Evaluations);
        Assert.Equal(2 * (Evaluations + 1), late.Evaluations); // only the first evaluation is at σ = 80
    }

    [Fact]
    public void What_does_not_fit_together_is_refused_by_its_option()
    {
        using PreconditionedNetwork network = TestNetworks.Create(TestNetworks.Configuration),
            larger = TestNetworks.Create(TestNetworks.Configuration with { Resolution = 32 });
        Assert.Contains("--guide", Message(null, Options with { Guidance = 2 }), StringComparison.Ordinal);
        Assert.StartsWith("--guide: needs --cfg", Message(network, Options), StringComparison.Ordinal);
        Assert.Contains("3×32×32", Message(larger, Options with { Guidance = 2 }), StringComparison.Ordinal);
        Assert.StartsWith("--cfg-interval", Message(null, Options with { GuidanceInterval = new(0, 1) }), StringComparison.Ordinal);
        Assert.StartsWith("--cfg NaN", Message(network, Options with { Guidance = double.NaN }), StringComparison.Ordinal);
        Assert.StartsWith(
            "--cfg: nppc",
            Message(network, Options with { Guidance = 2, Method = "nppc", Sampler = new() }),
            StringComparison.Ordinal
        );

        string Message(PreconditionedNetwork? guide, RestoreOptions options) =>
            Assert.Throws<ConfigurationException>(() => new Restorer(network, guide).Restore(null, null, options)).Message;
    }

    [Theory]
    [InlineData("0.2,5", 0.2, 5)]
    [InlineData("0,1e3", 0, 1000)]
    public void An_interval_is_two_numbers(string text, double low, double high) =>
        Assert.Equal(new SigmaInterval(low, high), SigmaInterval.Parse(text, "--cfg-interval"));

    [Theory]
    [InlineData("1")]
    [InlineData("2,1")]
    [InlineData("-1,1")]
    [InlineData("1,2,3")]
    [InlineData("a,b")]
    [InlineData("NaN,NaN")]
    public void Anything_else_is_refused_by_the_option(string text) =>
        Assert.StartsWith(
            $"--cfg-interval {text}",
            Assert.Throws<ConfigurationException>(() => SigmaInterval.Parse(text, "--cfg-interval")).Message,
            StringComparison.Ordinal
        );
}

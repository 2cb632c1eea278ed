using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Evaluation;
using InvFusion.Models;
using InvFusion.Restoration;
using InvFusion.Runtime;
using InvFusion.Tests.Degradations;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Models;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Restoration;

/// <summary>Zero-shot methods on conditional networks: the network sees H = none, the sampler the true H and y.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class UnconditionalSideTests
{
    private const int Batch = 3;
    private static readonly DegradationSpec Degradation = DegradationSpec.Parse("sr:4");
    private static readonly SamplerOptions Steps = new() { Steps = 4 };

    [Theory]
    [InlineData(NetworkKind.InvFusion, 0)]
    [InlineData(NetworkKind.InvFusion, 2)]
    [InlineData(NetworkKind.Blind, 0)]
    public void The_denoiser_is_the_network_with_H_none_to_the_bit(NetworkKind kind, int directions)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var network = TestNetworks.Create(TestNetworks.Configuration with { Kind = kind, Directions = directions });
        using var op = Degradation.Build(TestNetworks.Shape);
        var y = op.Apply(Close.Normals(1, Batch, 1, 3, 16, 16));
        Tensor x = Close.Normals(2, Batch, 3, 16, 16),
            sigma = tensor([0.5f]);
        using var none = new NoDegradationFamily().Draw(TestNetworks.Shape, [], new RandomStream(1, 1)); // as in training
        var told = new Conditioning(none, none.Apply(x.unsqueeze(1))) { NoiseLevel = zeros(1) };
        var expected = network.Denoise(x, sigma, told).narrow(1, 0, 3);
        var contestant = new Contestant("model", network, "ddnm", Steps, Project: false);
        var problem = new InverseProblem(op, y, 0.1);
        var compared = BatchSampler.Denoiser(contestant, TestNetworks.Shape, problem, labels: null).Denoise(x, sigma);
        var options = new RestoreOptions { Method = "ddnm", SigmaY = 0.1 };
        var restored = new RestoreDenoiser(network, null, options).CreateUnconditional(TestNetworks.Shape, Batch).Denoise(x, sigma);
        TensorAssert.SameBits(expected, compared, "denoiser of a comparison");
        TensorAssert.SameBits(expected, restored, "denoiser of a restoration");
        var conditional = BatchSampler.Denoiser(contestant with { Method = "edm" }, TestNetworks.Shape, problem, labels: null);
        TensorAssert.Differs(expected, conditional.Denoise(x, sigma), 1e-3);
    }

    [Theory]
    [InlineData("ddrm")]
    [InlineData("ddnm")]
    [InlineData("pigdm")]
    [InlineData("dps")]
    [InlineData("daps")]
    public void The_sampler_has_the_true_measurement_and_gives_what_a_sampler_on_that_denoiser_gives(string method)
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        using var op = Degradation.Build(TestNetworks.Shape);
        var y = op.Apply(Close.Normals(3, 1, 1, 3, 16, 16));
        var options = new RestoreOptions
        {
            Method = method,
            Sampler = Steps,
            Samples = 2,
            Seed = 5,
            Project = false,
        };
        using var restored = new Restorer(network).Restore(op, y, options);
        using var noGrad = no_grad();
        using var none = new NoDegradation(TestNetworks.Shape);
        var request = new SamplingRequest
        {
            Image = TestNetworks.Shape,
            Noise = new SampleNoise([5, 6]),
            Problem = new(op, y),
        };
        var denoiser = new NetworkDenoiser(network, new(none, zeros(2, 1, 3)) { NoiseLevel = zeros(1) });
        using var expected = Samplers.Create(method, Steps).Sample(denoiser, request);
        TensorAssert.Close(expected.Images, restored.Samples, 1e-6);
        using var other = new Restorer(network).Restore(op, y + 0.5, options);
        TensorAssert.Differs(other.Samples, restored.Samples, 1e-2);
    }

    [Fact]
    public void An_unconditional_network_is_given_nothing_as_before()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var prior = TestNetworks.Create(TestNetworks.Configuration with { Kind = NetworkKind.Unconditional });
        using var op = Degradation.Build(TestNetworks.Shape);
        var y = op.Apply(Close.Normals(4, Batch, 1, 3, 16, 16));
        Tensor x = Close.Normals(5, Batch, 3, 16, 16),
            sigma = tensor([0.5f]);
        var contestant = new Contestant("prior", prior, "ddnm", Steps, Project: false);
        Assert.Equal((false, "prior"), (contestant.OnUnconditionalSide, contestant.Label));
        var denoised = BatchSampler.Denoiser(contestant, TestNetworks.Shape, new InverseProblem(op, y), labels: null).Denoise(x, sigma);
        TensorAssert.SameBits(prior.Denoise(x, sigma, Conditioning.None), denoised, "denoiser");
    }

    [Theory]
    [InlineData("matrix,sr:4", true)]
    [InlineData("matrix,box:0,0,8,16", true)]
    [InlineData("matrix,none,sr:4", false)]
    [InlineData("random", false)]
    [InlineData("degradation.NoDegradation", false)]
    [InlineData(null, false)]
    public void A_model_that_never_saw_H_none_is_warned_of(string? degradations, bool warned)
    {
        var metadata = new Dictionary<string, string>();
        if (degradations is not null)
            metadata[NetworkFile.DegradationsKey] = degradations;
        var warning = UnconditionalSide.Warning("model", TrainedWith.Read(metadata, TestNetworks.Configuration, "model"));
        Assert.Equal(warned, warning is not null);
        if (warned)
            Assert.StartsWith($"model: was trained with the degradations {degradations}, not", warning, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_of_the_mean_alone_is_warned_of() =>
        Assert.StartsWith(
            "model: was trained for mmse alone",
            UnconditionalSide.Warning("model", new TrainedWith { Degradations = ["none"], OnlyMethod = "mmse" }),
            StringComparison.Ordinal
        );
}

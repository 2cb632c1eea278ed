using InvFusion.Models;
using InvFusion.Testing;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using InvFusion.Tests.Training;
using InvFusion.Training;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Models;

[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class NoiseConditioningTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_network_that_was_trained_without_goes_on_as_it_was()
    {
        using var scope = NewDisposeScope();
        using var old = TestNetworks.Create(TestNetworks.Configuration);
        NetworkFile.Save(_folder["old.safetensors"], old.Configuration, old.state_dict());
        var options = TestRuns.Options with
        {
            WarmStart = _folder["old.safetensors"],
            SigmaYMax = 0.5,
            Network = TestNetworks.Configuration with { NoiseConditioning = true },
        };
        using var images = new GeneratedSet();
        using var trainer = new Trainer(options, _folder["run"], images);
        trainer.Network.eval();
        var (x, sigma, known) = TestNetworks.Inputs(2);
        using var noGrad = no_grad();
        var expected = old.Denoise(x, sigma, known);
        foreach (var level in (float[])[0, 0.3f])
            TensorAssert.SameBits(
                expected,
                trainer.Network.Denoise(x, sigma, known with { NoiseLevel = tensor([level]) }),
                $"denoised, told {level}"
            );
        known.Operator!.Dispose();
    }

    [Fact]
    public void The_noise_level_of_each_sample_counts_once_it_has_weights()
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration with { NoiseConditioning = true });
        var (x, sigma, known) = TestNetworks.Inputs(2);
        using var noGrad = no_grad();
        var none = network.Denoise(x, sigma, known);
        TensorAssert.Close(none, network.Denoise(x, sigma, known with { NoiseLevel = zeros(2) }), 1e-5);
        var second = network.Denoise(x, sigma, known with { NoiseLevel = tensor([0f, 0.2f]) });
        TensorAssert.Close(none[0], second[0], 1e-5);
        TensorAssert.Differs(none[1], second[1], 1e-4);
        Assert.Throws<ArgumentException>(() => network.Denoise(x, sigma, known with { NoiseLevel = zeros(3) }));
        known.Operator!.Dispose();
    }

    [Fact]
    public void Only_a_network_that_is_told_has_weights_for_it()
    {
        using PreconditionedNetwork off = new(TestNetworks.Configuration),
            on = new(TestNetworks.Configuration with { NoiseConditioning = true });
        Assert.Equal(
            ["unet.sigma_y_emb.weight", "unet.sigma_y_in_proj.weight"],
            on.state_dict().Keys.Except(off.state_dict().Keys).Order()
        );
    }
}

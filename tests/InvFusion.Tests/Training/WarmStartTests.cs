using InvFusion.Diffusion;
using InvFusion.Models;
using InvFusion.Testing;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Models;
using InvFusion.Tests.Runtime;
using InvFusion.Training;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Training;

/// <summary>Runs that begin with a network which knows less than theirs.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class WarmStartTests : IDisposable
{
    private static readonly NetworkConfiguration WithDirections = TestNetworks.Configuration with { Directions = 2 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_network_without_directions_gives_the_mean_of_one_with()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var old = TestNetworks.Create(TestNetworks.Configuration);
        NetworkFile.Save(_folder["old.safetensors"], old.Configuration, old.state_dict());
        using var network = new PreconditionedNetwork(WithDirections);
        network.eval();
        WarmStart.Load(network, _folder["old.safetensors"]);
        var (x, sigma, known) = TestNetworks.Inputs(2);
        using var op = known.Operator;
        var output = network.Denoise(x, sigma, known);
        TensorAssert.Close(old.Denoise(x, sigma, known), output.narrow(1, 0, 3), 1e-5);
        var (_, norms) = PrincipalDirections.Orthogonalize(output.narrow(1, 3, 6).view(x.shape[0], 2, 3, x.shape[2], x.shape[3]));
        Assert.InRange(norms.min().item<float>(), 0.1f, 100f);
    }

    [Theory]
    [InlineData(3, "unet.patch_out.proj.weight")] // fewer or more directions are another network
    [InlineData(0, "unet.patch_in.proj.weight")] // so is one of another size
    public void Another_network_is_refused_by_the_name_of_its_tensor(int directions, string tensor)
    {
        using var scope = NewDisposeScope();
        var other = TestNetworks.Configuration with { Directions = directions };
        if (directions == 0)
            other = other with
            {
                Kind = NetworkKind.Unconditional,
                MeasurementSkip = false,
                LinearEstimateSteps = 0,
                Levels = [.. other.Levels.Select(level => level with { Joint = false })],
            };
        using (var file = TestNetworks.Create(other))
            NetworkFile.Save(_folder["other.safetensors"], other, file.state_dict());
        using var network = new PreconditionedNetwork(
            WithDirections with
            {
                Kind = directions == 0 ? NetworkKind.Blind : WithDirections.Kind,
            }
        );
        var error = Assert.Throws<DataFormatException>(() => WarmStart.Load(network, _folder["other.safetensors"]));
        Assert.Contains($"other.safetensors: tensor '{tensor}'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_new_network_with_directions_learns_them()
    {
        var options = TestRuns.Options with
        {
            Network = WithDirections,
            Loss = new() { Kind = LossKind.Nppc },
        };
        using var images = new GeneratedSet();
        using var trainer = new Trainer(options, _folder["run"], images);
        using var before = trainer.Network.state_dict()["unet.patch_out.proj.weight"].clone();
        trainer.Run(cancellation: TestContext.Current.CancellationToken);
        using var scope = NewDisposeScope();
        var moved = trainer.Network.state_dict()["unet.patch_out.proj.weight"] - before;
        Assert.True(isfinite(moved).all().item<bool>());
        var rows = moved.view(4, 9, -1).abs().sum([0, 2]); // of the nine channels
        Assert.True(rows.min().item<float>() > 0);
    }
}

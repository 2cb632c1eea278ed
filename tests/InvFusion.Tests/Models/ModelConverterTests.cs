using InvFusion.Formats;
using InvFusion.Formats.Safetensors;
using InvFusion.Models;
using InvFusion.Testing;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Models;

[Collection(TorchTests.Collection)]
public sealed class ModelConverterTests
{
    private static readonly NetworkConfiguration Blind = TestNetworks.Configuration with
    {
        Kind = NetworkKind.Blind,
        Directions = 1,
        MeasurementSkip = true,
        LinearEstimateSteps = 5,
    };

    [Fact]
    [NoTensorLeaks]
    public void The_prior_of_a_blind_network_computes_what_that_does_without_a_measurement()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var blind = Write(Blind, folder["blind.safetensors"]);
        ModelConverter.FromSafetensors(
            folder["blind.safetensors"],
            folder["prior.safetensors"],
            ElementType.F32,
            NetworkKind.Unconditional
        );
        using var prior = NetworkFile.Load(folder["prior.safetensors"]);
        Assert.Equal(
            (NetworkKind.Unconditional, false, 0, 1),
            (
                prior.Configuration.Kind,
                prior.Configuration.MeasurementSkip,
                prior.Configuration.LinearEstimateSteps,
                prior.Configuration.Directions
            )
        );
        using (var file = SafetensorsFile.Open(folder["prior.safetensors"]))
            Assert.Equal("yes", file.Metadata["kept"]);

        var (x, sigma, known) = TestNetworks.Inputs(2);
        using var op = known.Operator;
        var without = prior.Denoise(x, sigma, Conditioning.None);
        TensorAssert.Close(blind.Denoise(x, sigma, Conditioning.None), without, 1e-6);
        TensorAssert.Close(blind.Denoise(x, sigma, Conditioning.None with { MeasuredImage = zeros_like(x) }), without, 1e-6);
        TensorAssert.Differs(blind.Denoise(x, sigma, known), without, 1e-2);
    }

    [Theory]
    [InlineData(NetworkKind.InvFusion, NetworkKind.Unconditional)]
    [InlineData(NetworkKind.Blind, NetworkKind.InvFusion)]
    [InlineData(NetworkKind.Unconditional, NetworkKind.Blind)]
    public void Other_kinds_are_refused(NetworkKind from, NetworkKind to)
    {
        using var folder = new TemporaryFolder();
        var path = folder["network.safetensors"];
        Write(TestNetworks.Configuration with { Kind = from }, path).Dispose();
        var error = Assert.Throws<ConfigurationException>(() =>
            ModelConverter.FromSafetensors(path, folder["other.safetensors"], ElementType.F32, to)
        );
        Assert.StartsWith($"--kind {to}: {path} is {from}", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(folder["other.safetensors"]));
        ModelConverter.FromSafetensors(path, folder["same.safetensors"], ElementType.F32, from);
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(folder["same.safetensors"]));
    }

    private static PreconditionedNetwork Write(NetworkConfiguration configuration, string path)
    {
        var network = TestNetworks.Create(configuration);
        NetworkFile.Save(path, configuration, network.state_dict(), metadata: new Dictionary<string, string> { ["kept"] = "yes" });
        return network;
    }
}

using InvFusion.Formats;
using InvFusion.Models;
using InvFusion.Testing;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Models;

[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class NetworkFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string File => _folder["net.safetensors"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_saved_network_loads_to_the_same_bits_and_outputs()
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration with { Classes = 3 });
        NetworkFile.Save(File, network.Configuration, network.state_dict(), metadata: new Dictionary<string, string> { ["note"] = "kept" });
        using var loaded = NetworkFile.Load(File);
        Assert.False(loaded.training);
        Assert.Equal(network.Configuration.ToJson(), loaded.Configuration.ToJson());
        var state = loaded.state_dict();
        foreach (var (name, tensor) in network.state_dict())
            TensorAssert.SameBits(tensor, state[name], name);
        TensorAssert.Close(Output(network), Output(loaded), 0);
        using var file = InvFusion.Formats.Safetensors.SafetensorsFile.Open(File);
        Assert.Equal("kept", file.Metadata["note"]);
    }

    [Fact]
    public void A_network_stored_in_bfloat16_loads_rounded()
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        NetworkFile.Save(File, network.Configuration, network.state_dict(), ElementType.BF16);
        using var loaded = NetworkFile.Load(File);
        var state = loaded.state_dict();
        foreach (var (name, tensor) in network.state_dict())
            TensorAssert.SameBits(tensor.to_type(ScalarType.BFloat16).to_type(ScalarType.Float32), state[name], name);
        TensorAssert.Close(Output(network), Output(loaded), 0.15);
        TensorAssert.Differs(Output(network), Output(loaded), 0);
    }

    [Theory]
    [InlineData(1 << 16, 1 << 16)] // one matrix of 16 GiB
    [InlineData(1 << 16, 0)]
    [InlineData(16384, 0)]
    public void A_size_that_the_file_does_not_hold_is_refused_before_memory_is_taken(int width, int hidden)
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        NetworkFile.Save(File, network.Configuration with { MappingWidth = width, MappingHiddenWidth = hidden }, network.state_dict());
        var before = System.Diagnostics.Process.GetCurrentProcess().VirtualMemorySize64;
        var message = Assert.Throws<DataFormatException>(() => NetworkFile.Load(File)).Message;
        Assert.StartsWith(File, message);
        Assert.Contains("the network has [", message);
        Assert.InRange(System.Diagnostics.Process.GetCurrentProcess().VirtualMemorySize64 - before, long.MinValue, 1L << 30);
    }

    [Fact]
    public void A_missing_tensor_is_refused_by_name() =>
        Refuses("unet.out_norm.scale", state => state.Remove("unet.out_norm.scale"), "missing");

    [Fact]
    public void A_surplus_tensor_is_refused_by_name() =>
        Refuses("unet.extra", state => state.Add("unet.extra", zeros(2)), "does not belong");

    [Fact]
    public void A_tensor_of_another_shape_is_refused_even_where_it_would_broadcast()
    {
        Refuses("unet.out_norm.scale", state => state["unet.out_norm.scale"] = ones(1), "[48]");
        Refuses("logvar_linear.weight", state => state["logvar_linear.weight"] = ones(128, 1), "[1, 128]");
    }

    [Fact]
    public void A_file_without_a_configuration_is_refused_with_the_way_out()
    {
        InvFusion.Formats.Safetensors.SafetensorsWriter.Write(File, [], new Dictionary<string, string>());
        var error = Assert.Throws<DataFormatException>(() => NetworkFile.Load(File));
        Assert.Contains("model convert", error.Message);
    }

    private void Refuses(string name, Action<Dictionary<string, Tensor>> change, string problem)
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        var state = new Dictionary<string, Tensor>(network.state_dict());
        change(state);
        NetworkFile.Save(File, network.Configuration, state);
        var error = Assert.Throws<DataFormatException>(() => NetworkFile.Load(File));
        Assert.StartsWith(File, error.Message);
        Assert.Contains($"'{name}'", error.Message);
        Assert.Contains(problem, error.Message);
    }

    private static Tensor Output(PreconditionedNetwork network)
    {
        using var noGrad = no_grad();
        var (x, sigma, known) = TestNetworks.Inputs(2);
        using (known.Operator)
            return network.Denoise(x, sigma, known);
    }
}

using InvFusion.Formats.Safetensors;
using InvFusion.Metrics.Features;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using InvFusion.Verification;
using Xunit;
using static TorchSharp.torch;
using TemporaryFolder = InvFusion.Testing.TemporaryFolder;

namespace InvFusion.Tests.Metrics;

/// <summary>Weights by every name they are published under.</summary>
[Collection(TorchTests.Collection)]
public sealed class NetworkWeightsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [NoTensorLeaks]
    public void Inception_loads_by_both_kinds_of_names_and_gives_the_same_features()
    {
        using var scope = NewDisposeScope();
        using var network = new InceptionNetwork();
        Randomise(network, unitScales: true);
        var state = network.state_dict();
        Save("own.safetensors", state.Where(t => !t.Key.EndsWith("num_batches_tracked")).ToDictionary(t => t.Key, t => t.Value));
        Save("archive.safetensors", ArchiveNames(state));
        var images = (rand([1, 3, 20, 24]) * 255).to_type(ScalarType.Byte);
        using var own = new InceptionExtractor(_folder["own.safetensors"]);
        using var archive = new InceptionExtractor(_folder["archive.safetensors"]);
        var features = own.Extract(images);
        Assert.Equal(("inception-tf1", 2048L), (own.Name, features.shape[1]));
        TensorAssert.SameBits(features, archive.Extract(images), "features");
        Assert.True(features.std().item<float>() > 1e-3);
        using var other = new InceptionExtractor(_folder["own.safetensors"], InceptionInput.PyTorch);
        Assert.Equal("inception-torch", other.Name);
        TensorAssert.Differs(features, other.Extract(images), 1e-5);
    }

    [Fact]
    public void Lpips_loads_from_torchvision_and_the_authors_or_from_one_file()
    {
        using var scope = NewDisposeScope();
        using var network = new LpipsNetwork(LpipsLayout.Alex);
        Randomise(network, unitScales: false);
        var state = network.state_dict();
        var trunk = state
            .Where(t => t.Key.StartsWith("net."))
            .ToDictionary(t => $"features.{string.Join('.', t.Key.Split('.')[2..])}", t => t.Value);
        trunk["classifier.1.weight"] = zeros(2, 2);
        Save("trunk.safetensors", trunk);
        Save("lin.safetensors", state.Where(t => t.Key.StartsWith("lin")).ToDictionary(t => t.Key, t => t.Value));
        var whole = state.ToDictionary();
        whole["lins.0.model.1.weight"] = state["lin0.model.1.weight"];
        whole["scaling_layer.shift"] = zeros(1, 3, 1, 1);
        Save("whole.safetensors", whole);
        var (a, b) = (rand([2, 3, 64, 64]) * 2 - 1, rand([2, 3, 64, 64]) * 2 - 1);
        using var two = LpipsDistance.Alex([_folder["trunk.safetensors"], _folder["lin.safetensors"]]);
        using var one = LpipsDistance.Alex([_folder["whole.safetensors"]]);
        TensorAssert.SameBits(one.Between(a, b), two.Between(a, b), "distance");
        TensorAssert.Close(network.call(a, b), one.Between(a, b), 1e-6);
        Assert.Equal(0, one.Between(a, a).abs().max().item<float>());
        TensorAssert.Close(one.Between(a.narrow(1, 0, 1).expand(-1, 3, -1, -1), b), one.Between(a.narrow(1, 0, 1), b), 1e-6);
        Assert.Contains("is missing", Refused([_folder["trunk.safetensors"]]), StringComparison.Ordinal);
        Assert.Contains("comes twice", Refused([_folder["whole.safetensors"], _folder["lin.safetensors"]]), StringComparison.Ordinal);
        Assert.Contains(
            "LpipsNetwork has [",
            Assert.Throws<DataFormatException>(() => LpipsDistance.Vgg([_folder["whole.safetensors"]])).Message
        );

        static string Refused(string[] files) => Assert.Throws<DataFormatException>(() => LpipsDistance.Alex(files)).Message;
    }

    private static void Randomise(nn.Module network, bool unitScales)
    {
        using var noGrad = no_grad();
        foreach (var (name, tensor) in network.state_dict().Where(t => t.Value.dtype == ScalarType.Float32))
        {
            var fan = tensor.dim() > 1 ? tensor.numel() / tensor.shape[0] : 16;
            var positive = name.EndsWith("running_var") || name.EndsWith("bn.weight") || name.StartsWith("lin");
            ProceduralTensor.Fill(tensor, name, positive ? 1 : 0, positive ? 0.25 : Math.Sqrt(3.0 / fan));
            if (unitScales && name.EndsWith("bn.weight"))
                tensor.fill_(1); // the archive has none
        }
    }

    private void Save(string name, Dictionary<string, Tensor> tensors) =>
        SafetensorsWriter.Write(
            _folder[name],
            [.. tensors.Select(t => TensorToWrite.Singles(t.Key, t.Value.shape, TensorAssert.Values(t.Value)))],
            new Dictionary<string, string>()
        );

    // The names of StyleGAN2-ADA's archive, from the graph's: written down by hand for one block of each kind, the others follow.
    private static Dictionary<string, Tensor> ArchiveNames(IReadOnlyDictionary<string, Tensor> state)
    {
        string[] blocks = ["5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"];
        var stems = new Dictionary<string, string>
        {
            ["Conv2d_1a_3x3"] = "conv",
            ["Conv2d_2a_3x3"] = "conv_1",
            ["Conv2d_2b_3x3"] = "conv_2",
            ["Conv2d_3b_1x1"] = "conv_3",
            ["Conv2d_4a_3x3"] = "conv_4",
        };
        var layers = new Dictionary<string, string>
        {
            ["A.branch1x1"] = "conv",
            ["A.branch5x5_1"] = "tower.conv",
            ["A.branch5x5_2"] = "tower.conv_1",
            ["A.branch3x3dbl_1"] = "tower_1.conv",
            ["A.branch3x3dbl_2"] = "tower_1.conv_1",
            ["A.branch3x3dbl_3"] = "tower_1.conv_2",
            ["A.branch_pool"] = "tower_2.conv",
            ["B.branch3x3"] = "conv",
            ["B.branch3x3dbl_1"] = "tower.conv",
            ["B.branch3x3dbl_2"] = "tower.conv_1",
            ["B.branch3x3dbl_3"] = "tower.conv_2",
            ["C.branch1x1"] = "conv",
            ["C.branch7x7_1"] = "tower.conv",
            ["C.branch7x7_2"] = "tower.conv_1",
            ["C.branch7x7_3"] = "tower.conv_2",
            ["C.branch7x7dbl_1"] = "tower_1.conv",
            ["C.branch7x7dbl_2"] = "tower_1.conv_1",
            ["C.branch7x7dbl_3"] = "tower_1.conv_2",
            ["C.branch7x7dbl_4"] = "tower_1.conv_3",
            ["C.branch7x7dbl_5"] = "tower_1.conv_4",
            ["C.branch_pool"] = "tower_2.conv",
            ["D.branch3x3_1"] = "tower.conv",
            ["D.branch3x3_2"] = "tower.conv_1",
            ["D.branch7x7x3_1"] = "tower_1.conv",
            ["D.branch7x7x3_2"] = "tower_1.conv_1",
            ["D.branch7x7x3_3"] = "tower_1.conv_2",
            ["D.branch7x7x3_4"] = "tower_1.conv_3",
            ["E.branch1x1"] = "conv",
            ["E.branch3x3_1"] = "tower_conv",
            ["E.branch3x3_2a"] = "tower_mixed_conv",
            ["E.branch3x3_2b"] = "tower_mixed_conv_1",
            ["E.branch3x3dbl_1"] = "tower_1_conv",
            ["E.branch3x3dbl_2"] = "tower_1_conv_1",
            ["E.branch3x3dbl_3a"] = "tower_1_mixed_conv",
            ["E.branch3x3dbl_3b"] = "tower_1_mixed_conv_1",
            ["E.branch_pool"] = "tower_2_conv",
        };
        const string Kinds = "AAABCCCCDEE";
        var tensors = new Dictionary<string, string>
        {
            ["conv.weight"] = "weight",
            ["bn.bias"] = "beta",
            ["bn.running_mean"] = "mean",
            ["bn.running_var"] = "var",
        };
        var result = new Dictionary<string, Tensor>();
        foreach (var (name, tensor) in state)
        {
            var parts = name.Split('.');
            if (parts[0] == "fc")
                result[$"output.{parts[1]}"] = tensor;
            if (!tensors.TryGetValue(string.Join('.', parts[^2..]), out var last))
                continue;
            var block = Array.IndexOf(blocks, parts[0].Replace("Mixed_", ""));
            var place = stems.TryGetValue(parts[0], out var stem)
                ? stem
                : $"{(block == 0 ? "mixed" : $"mixed_{block}")}.{layers[$"{Kinds[block]}.{parts[1]}"]}";
            result[$"layers.{place}.{last}"] = tensor;
        }
        Assert.Equal(94 * 4 + 2, result.Count);
        return result;
    }
}

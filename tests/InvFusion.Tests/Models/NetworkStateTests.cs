using System.Text.Json;
using InvFusion.Models;
using InvFusion.Testing;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;

namespace InvFusion.Tests.Models;

/// <summary>Names and shapes of the state dict: checkpoints of the public implementation must fit.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public class NetworkStateTests
{
    [Theory]
    [InlineData("ffhq64", "net_ffhq64_full_proc")]
    [InlineData("imagenet64", "net_imagenet64_full_proc")]
    [InlineData("ffhq256", "net_ffhq256_full_proc")]
    public void A_full_preset_has_the_names_shapes_and_parameters_of_the_public_one(string preset, string golden)
    {
        Assert.SkipWhen(Goldens.Whole is null, "the whole set of vectors is not beside the repository");
        var folder = Path.Combine(Goldens.Whole!, golden);
        var expected = Json(folder, "weights_procedural.json").GetProperty("tensors").EnumerateArray().Select(Describe);
        using var network = NetworkFile.Build(NetworkPresets.Get(preset)); // weights stay untouched memory
        Assert.Equal(expected.Order(), network.state_dict().Select(p => Describe(p.Key, p.Value.shape)).Order());
        var parameters = network.parameters().Sum(p => p.NumberOfElements);
        Assert.Equal(Json(folder, "case.json").GetProperty("settings").GetProperty("parameters").GetInt64(), parameters);
    }

    [Theory]
    [InlineData("small64", 56_357_155)]
    [InlineData("small64p2", 15_414_095)]
    [InlineData("small32", 38_790_535)]
    [InlineData("tiny32", 2_859_717)]
    public void A_small_preset_keeps_its_number_of_parameters(string preset, long parameters)
    {
        using var network = NetworkFile.Build(NetworkPresets.Get(preset));
        Assert.Equal(parameters, network.parameters().Sum(p => p.NumberOfElements));
    }

    [Fact]
    public void A_joint_network_has_these_tensors()
    {
        using var network = NetworkFile.Build(TestNetworks.Configuration with { Classes = 4, Directions = 1 });
        string[] expected =
        [
            "logvar_fourier.freqs [128]",
            "logvar_fourier.phases [128]",
            "logvar_linear.bias [1]",
            "logvar_linear.weight [1, 128]",
            "unet.aug_emb.weight [16, 9]",
            "unet.aug_in_proj.weight [32, 32]",
            "unet.class_emb.weight [5, 32]",
            .. Layer("unet.down_levels.0.0", features: 4, heads: 3, headWidth: 16),
            "unet.mapping.blocks.0.down_proj.weight [32, 96]",
            "unet.mapping.blocks.0.norm.scale [32]",
            "unet.mapping.blocks.0.up_proj.weight [192, 32]",
            "unet.mapping.in_norm.scale [32]",
            "unet.mapping.out_norm.scale [32]",
            "unet.merges.0.proj.weight [48, 192]",
            .. Layer("unet.mid_level.0", features: 1, heads: 2, headWidth: 24),
            "unet.out_norm.scale [48]",
            "unet.patch_in.proj.weight [48, 24]",
            "unet.patch_out.proj.weight [24, 48]",
            "unet.splits.0.fac [1]",
            "unet.splits.0.proj.weight [192, 48]",
            "unet.time_emb.weight [16, 1]",
            "unet.time_in_proj.weight [32, 32]",
            .. Layer("unet.up_levels.0.0", features: 4, heads: 3, headWidth: 16),
        ];
        Assert.Equal(
            expected.Order(StringComparer.Ordinal),
            network.state_dict().Select(p => Describe(p.Key, p.Value.shape)).Order(StringComparer.Ordinal)
        );
    }

    [Theory, InlineData(NetworkKind.Blind, 24), InlineData(NetworkKind.Unconditional, 12)]
    public void Other_kinds_lack_what_is_joint(NetworkKind kind, long inputs)
    {
        using var joint = NetworkFile.Build(TestNetworks.Configuration);
        using var other = NetworkFile.Build(TestNetworks.Configuration with { Kind = kind });
        var state = other.state_dict();
        string[] jointParts = [".feature_degradation.", ".jnorm.", ".jk_proj.", ".jv_proj."];
        Assert.Equal(joint.state_dict().Keys.Where(name => !jointParts.Any(name.Contains)).Order(), state.Keys.Order());
        Assert.Equal([48, inputs], state["unet.patch_in.proj.weight"].shape);
    }

    private static IEnumerable<string> Layer(string name, int features, int heads, int headWidth) =>
        [
            $"{name}.attn.ff.down_proj.weight [48, 144]",
            $"{name}.attn.ff.norm.linear.weight [48, 32]",
            $"{name}.attn.ff.up_proj.weight [288, 48]",
            $"{name}.attn.self_attn.jk_proj.weight [48, 96]",
            $"{name}.attn.self_attn.jnorm.linear.weight [48, 32]",
            $"{name}.attn.self_attn.jv_proj.weight [48, 48]",
            $"{name}.attn.self_attn.norm.linear.weight [48, 32]",
            $"{name}.attn.self_attn.out_proj.weight [48, 48]",
            $"{name}.attn.self_attn.pos_emb.freqs [{heads}, {headWidth / 8}]",
            $"{name}.attn.self_attn.qkv_proj.weight [144, 48]",
            $"{name}.attn.self_attn.scale [{heads}]",
            $"{name}.feature_degradation.deg_linear.bias [{features}]",
            $"{name}.feature_degradation.deg_linear.weight [{features}, {features + 1}]",
        ];

    private static string Describe(string name, IEnumerable<long> shape) => $"{name} [{string.Join(", ", shape)}]";

    private static string Describe(JsonElement tensor) =>
        Describe(tensor.GetProperty("name").GetString()!, tensor.GetProperty("shape").EnumerateArray().Select(n => n.GetInt64()));

    private static JsonElement Json(string folder, string name)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, name)));
        return document.RootElement.Clone();
    }
}

using InvFusion.Autoencoding;
using InvFusion.Modules;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;

namespace InvFusion.Tests.Autoencoding;

[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class AutoencoderShapeTests
{
    // Of Stable Diffusion's autoencoder, as published.
    [Fact]
    public void The_default_has_the_published_parameters_and_shapes()
    {
        using var network = Parameters.WithoutInitialisation(() => new KlAutoencoder(new()));
        var state = network.named_parameters().ToDictionary(p => p.name, p => p.parameter.shape);
        Assert.Equal(248, state.Count);
        Assert.Equal(34_163_592, Count("encoder."));
        Assert.Equal(49_490_179, Count("decoder."));
        Assert.Equal(83_653_863, Count(""));
        Assert.Equal(8, network.Configuration.Factor);
        (string Name, long[] Shape)[] published =
        [
            ("encoder.conv_in.weight", [128, 3, 3, 3]),
            ("encoder.down_blocks.1.resnets.0.conv_shortcut.weight", [256, 128, 1, 1]),
            ("encoder.down_blocks.2.downsamplers.0.conv.weight", [512, 512, 3, 3]),
            ("encoder.mid_block.attentions.0.query.weight", [512, 512]),
            ("encoder.conv_out.weight", [8, 512, 3, 3]),
            ("quant_conv.weight", [8, 8, 1, 1]),
            ("post_quant_conv.weight", [4, 4, 1, 1]),
            ("decoder.conv_in.weight", [512, 4, 3, 3]),
            ("decoder.mid_block.resnets.1.norm2.bias", [512]),
            ("decoder.up_blocks.0.upsamplers.0.conv.weight", [512, 512, 3, 3]),
            ("decoder.up_blocks.2.resnets.0.conv_shortcut.weight", [256, 512, 1, 1]),
            ("decoder.up_blocks.3.resnets.2.conv2.weight", [128, 128, 3, 3]),
            ("decoder.conv_norm_out.weight", [128]),
            ("decoder.conv_out.weight", [3, 128, 3, 3]),
        ];
        foreach (var (name, shape) in published)
            Assert.Equal((name, string.Join(",", shape)), (name, string.Join(",", state[name])));
        Assert.DoesNotContain("encoder.down_blocks.3.downsamplers.0.conv.weight", state.Keys);
        Assert.DoesNotContain("decoder.up_blocks.3.upsamplers.0.conv.weight", state.Keys);
        Assert.DoesNotContain("decoder.up_blocks.1.resnets.0.conv_shortcut.weight", state.Keys);

        long Count(string prefix) =>
            state.Where(s => s.Key.StartsWith(prefix, StringComparison.Ordinal)).Sum(s => s.Value.Aggregate(1L, (a, b) => a * b));
    }

    [Theory]
    [InlineData("widths 8: must be multiples of the 3 groups", 3, 8)]
    [InlineData("groups 0", 0, 8)]
    [InlineData("widths 10", 4, 10)]
    public void A_configuration_that_cannot_be_built_is_refused_by_name(string words, int groups, int width)
    {
        var configuration = TestAutoencoders.Configuration with { Groups = groups, Widths = [width] };
        var error = Assert.Throws<ConfigurationException>(() => new KlAutoencoder(configuration));
        Assert.Contains(words, error.Message);
    }

    // Levels of a decoder are counted from the coarsest here, and from the finest by CompVis.
    [Theory]
    [InlineData("encoder.down.2.block.1.conv1.weight", "encoder.down_blocks.2.resnets.1.conv1.weight")]
    [InlineData("encoder.down.0.downsample.conv.bias", "encoder.down_blocks.0.downsamplers.0.conv.bias")]
    [InlineData("encoder.mid.block_2.norm1.weight", "encoder.mid_block.resnets.1.norm1.weight")]
    [InlineData("encoder.mid.attn_1.norm.bias", "encoder.mid_block.attentions.0.group_norm.bias")]
    [InlineData("decoder.mid.attn_1.proj_out.weight", "decoder.mid_block.attentions.0.proj_attn.weight")]
    [InlineData("decoder.up.0.block.2.nin_shortcut.weight", "decoder.up_blocks.3.resnets.2.conv_shortcut.weight")]
    [InlineData("decoder.up.3.upsample.conv.weight", "decoder.up_blocks.0.upsamplers.0.conv.weight")]
    [InlineData("decoder.norm_out.weight", "decoder.conv_norm_out.weight")]
    [InlineData("decoder.mid_block.attentions.0.to_q.weight", "decoder.mid_block.attentions.0.query.weight")]
    [InlineData("encoder.mid_block.attentions.0.to_out.0.bias", "encoder.mid_block.attentions.0.proj_attn.bias")]
    [InlineData("encoder.mid_block.attentions.0.to_v.bias", "encoder.mid_block.attentions.0.value.bias")]
    [InlineData("encoder.down_blocks.2.resnets.1.norm1.weight", "encoder.down_blocks.2.resnets.1.norm1.weight")]
    [InlineData("post_quant_conv.weight", "post_quant_conv.weight")]
    [InlineData("loss.logvar", "loss.logvar")]
    public void Names_of_both_schemes_become_one(string name, string own) => Assert.Equal(own, AutoencoderNames.ToOwn(name, levels: 4));
}

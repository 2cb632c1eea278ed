using InvFusion.Autoencoding;
using InvFusion.Formats.Safetensors;
using InvFusion.Models;
using InvFusion.Testing;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Models;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Autoencoding;

[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class AutoencoderFileTests : IDisposable
{
    private static readonly Dictionary<string, string> Groups = new() { ["invfusion.groups"] = "4" };
    private readonly TemporaryFolder _folder = new();

    private string Path => _folder["vae.safetensors"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_saved_autoencoder_loads_to_the_same_bits()
    {
        using var network = TestAutoencoders.Create();
        AutoencoderFile.Save(Path, network);
        using var loaded = AutoencoderFile.Load(Path);
        Assert.Equal(network.Fingerprint(), loaded.Fingerprint());
        Assert.Equal(network.Configuration.Widths, loaded.Configuration.Widths);
        Assert.Equal(network.Configuration with { Widths = [] }, loaded.Configuration with { Widths = [] });
        Assert.False(loaded.training);
        Assert.DoesNotContain(loaded.parameters(), p => p.requires_grad);
        using var other = TestAutoencoders.Create(seed: 2);
        Assert.NotEqual(network.Fingerprint(), other.Fingerprint());
    }

    [Theory, InlineData("CompVis"), InlineData("diffusers")]
    public void A_file_with_other_names_is_the_same_autoencoder(string scheme)
    {
        using var network = TestAutoencoders.Create();
        Func<string, string> rename = scheme == "CompVis" ? CompVis : Diffusers;
        Assert.Contains(network.state_dict().Keys, n => rename(n) != n);
        Write(network, rename, pointwise: scheme == "CompVis");
        using var loaded = AutoencoderFile.Load(Path);
        Assert.Equal(network.Fingerprint(), loaded.Fingerprint());
    }

    [Theory]
    [InlineData("encoder.conv_norm_out.weight", "'encoder.conv_norm_out.weight' is missing")]
    [InlineData("post_quant_conv.weight", "no tensor 'post_quant_conv.weight'|no KL autoencoder")]
    [InlineData("encoder.conv_in.weight", "no tensor 'encoder.conv_in.weight'|no KL autoencoder")]
    public void A_missing_tensor_is_refused_by_name(string missing, string words) => Refuses(words, state => state.Remove(missing));

    [Fact]
    public void A_surplus_tensor_is_refused_by_name() => Refuses("'loss.logvar' does not belong", state => state["loss.logvar"] = zeros(1));

    [Fact]
    public void A_tensor_under_both_names_is_refused() =>
        Refuses("under two names", state => state["encoder.norm_out.weight"] = state["encoder.conv_norm_out.weight"]);

    [Fact]
    public void A_tensor_of_another_shape_is_refused() =>
        Refuses("'encoder.conv_out.bias' is [1]|has [8]", state => state["encoder.conv_out.bias"] = zeros(1));

    [Fact]
    public void Widths_that_the_groups_do_not_divide_are_refused() => Refuses("multiples of the 32 groups", _ => { }, metadata: []);

    [Fact]
    public void Another_network_is_refused()
    {
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        NetworkFile.Save(Path, network.Configuration, network.state_dict());
        Assert.Contains("no KL autoencoder", Assert.Throws<DataFormatException>(() => AutoencoderFile.Load(Path)).Message);
    }

    private void Refuses(string words, Action<Dictionary<string, Tensor>> change, Dictionary<string, string>? metadata = null)
    {
        using var scope = NewDisposeScope();
        using var network = TestAutoencoders.Create();
        var state = network.state_dict();
        change(state);
        SafetensorsWriter.Write(Path, [.. state.Select(s => NetworkFile.ToWrite(s.Key, s.Value))], metadata ?? Groups);
        var error = Assert.Throws<DataFormatException>(() => AutoencoderFile.Load(Path));
        Assert.StartsWith(Path, error.Message);
        foreach (var word in words.Split('|'))
            Assert.Contains(word, error.Message);
    }

    private void Write(KlAutoencoder network, Func<string, string> rename, bool pointwise)
    {
        using var scope = NewDisposeScope();
        var tensors = network
            .state_dict()
            .Select(s =>
            {
                var matrix = pointwise && s.Value.dim() == 2;
                return NetworkFile.ToWrite(rename(s.Key), matrix ? s.Value.view(s.Value.shape[0], s.Value.shape[1], 1, 1) : s.Value);
            });
        SafetensorsWriter.Write(Path, [.. tensors], Groups);
    }

    private static string Diffusers(string name) =>
        name.Replace(".query.", ".to_q.").Replace(".key.", ".to_k.").Replace(".value.", ".to_v.").Replace(".proj_attn.", ".to_out.0.");

    // The inverse of the rules, written without them: two levels.
    private static string CompVis(string name) =>
        name.Replace("encoder.down_blocks.", "encoder.down.")
            .Replace("decoder.up_blocks.0.", "decoder.up.1.")
            .Replace("decoder.up_blocks.1.", "decoder.up.0.")
            .Replace("mid_block.resnets.0.", "mid.block_1.")
            .Replace("mid_block.resnets.1.", "mid.block_2.")
            .Replace("mid_block.attentions.0.", "mid.attn_1.")
            .Replace(".group_norm.", ".norm.")
            .Replace(".query.", ".q.")
            .Replace(".key.", ".k.")
            .Replace(".value.", ".v.")
            .Replace(".proj_attn.", ".proj_out.")
            .Replace(".resnets.", ".block.")
            .Replace(".downsamplers.0.", ".downsample.")
            .Replace(".upsamplers.0.", ".upsample.")
            .Replace(".conv_shortcut.", ".nin_shortcut.")
            .Replace(".conv_norm_out.", ".norm_out.");
}

using InvFusion.Autoencoding;
using InvFusion.Runtime;
using InvFusion.Testing;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Autoencoding;

[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class LatentCodecTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Path => _folder["vae.safetensors"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Pictures_become_latents_and_pictures_again_in_shape()
    {
        using var scope = NewDisposeScope();
        using var network = TestAutoencoders.Create();
        using var moments = network.Encode(rand(2, 3, 12, 16));
        Assert.Equal([2L, 4, 6, 8], moments.Mean.shape);
        Assert.Equal([2L, 4, 6, 8], moments.Std.shape);
        Assert.True(moments.Std.gt(0).all().item<bool>());
        Assert.Equal([2L, 3, 12, 16], network.Decode(moments.Mean).shape);
        Assert.Contains("multiples of 2", Assert.Throws<ArgumentException>(() => network.Encode(rand(1, 3, 11, 16))).Message);
        Assert.Contains("[B, 3, H, W]", Assert.Throws<ArgumentException>(() => network.Encode(rand(1, 1, 12, 16))).Message);
        Assert.Contains("[B, 4, h, w]", Assert.Throws<ArgumentException>(() => network.Decode(rand(1, 3, 6, 8))).Message);
    }

    [Fact]
    public void A_latent_is_drawn_from_its_own_stream()
    {
        using var scope = NewDisposeScope();
        using var moments = new LatentMoments(randn(3, 4, 2, 2), rand(3, 4, 2, 2));
        var all = moments.Sample([new(1), new(2), new(3)]);
        using var alone = new LatentMoments(moments.Mean.narrow(0, 1, 1).clone(), moments.Std.narrow(0, 1, 1).clone());
        TensorAssert.Close(all.narrow(0, 1, 1), alone.Sample([new(2)]), 0);
        var normals = new float[16];
        new RandomStream(2).FillNormal(normals);
        TensorAssert.Close(alone.Mean + alone.Std * tensor(normals).view(1, 4, 2, 2), alone.Sample([new(2)]), 0);
        Assert.Throws<ArgumentException>(() => moments.Sample([new(1)]));
    }

    [Fact]
    public void Latents_have_the_scale_and_shift_of_EDM2()
    {
        using var scope = NewDisposeScope();
        var (mean, std) = LatentDescription.Edm2(4);
        Assert.Equal([5.81, 3.25, 0.12, -2.15], mean);
        Assert.Equal([4.17, 4.62, 3.71, 3.28], std);
        var error = Assert.Throws<ConfigurationException>(() => LatentDescription.Edm2(16));
        Assert.Contains("4 channels, these have 16; use Measured", error.Message);
        using var network = TestAutoencoders.Create();
        AutoencoderFile.Save(Path, network);
        var described = TestAutoencoders.Describe(network) with { Mean = mean, Std = std };
        using var codec = LatentCodec.Open(Path, described);
        var picture = rand(1, 3, 8, 8) * 2 - 1;
        var latent = codec.Encode(picture, [new(5)]);
        // The definition, with the encoder's own numbers of the picture in [0, 1].
        using var moments = network.Encode((picture + 1) / 2);
        var raw = moments.Sample([new(5)]);
        var scale = tensor(std.Select(s => (float)(0.5 / s)).ToArray()).view(1, 4, 1, 1);
        TensorAssert.Close(raw * scale - tensor(mean, float32).view(1, 4, 1, 1) * scale, latent, 1e-6);
        // Sets of latents draw without tensors.
        var stored = cat([moments.Mean, moments.Std], 1).contiguous().data<float>().ToArray();
        var drawn = new float[64];
        described.Draw(stored, new RandomStream(5), drawn);
        TensorAssert.Close(latent, tensor(drawn).view(1, 4, 4, 4), 1e-6);
        // And back: the picture of the raw latent, cut to [0, 1].
        TensorAssert.Close(network.Decode(raw).clamp(0, 1) * 2 - 1, codec.Decode(latent), 1e-5);
    }

    [Fact]
    public void A_decoded_picture_does_not_depend_on_the_others_and_a_broken_one_stays_broken()
    {
        using var scope = NewDisposeScope();
        using var network = TestAutoencoders.Create();
        AutoencoderFile.Save(Path, network);
        using var codec = LatentCodec.Open(Path, TestAutoencoders.Describe(network));
        var latents = randn(3, 4, 4, 4);
        latents[1].fill_(double.NaN);
        var pictures = codec.Decode(latents);
        Assert.Equal([true, false, true], pictures.flatten(1).isfinite().all(1).data<bool>().ToArray());
        TensorAssert.Close(pictures.narrow(0, 2, 1), codec.Decode(latents.narrow(0, 2, 1)), 0);
    }

    [Fact]
    public void Another_autoencoder_is_refused_by_name()
    {
        using var network = TestAutoencoders.Create();
        using var other = TestAutoencoders.Create(seed: 2);
        AutoencoderFile.Save(Path, other);
        var error = Assert.Throws<DataFormatException>(() =>
            LatentCodec.Open(Path, TestAutoencoders.Describe(network, "right.safetensors"))
        );
        Assert.Contains("another autoencoder", error.Message);
        Assert.Contains("right.safetensors", error.Message);
    }
}

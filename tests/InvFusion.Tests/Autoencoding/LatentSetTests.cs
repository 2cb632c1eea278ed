using InvFusion.Autoencoding;
using InvFusion.Data;
using InvFusion.Runtime;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Autoencoding;

[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class LatentSetTests : IDisposable
{
    private readonly LatentWorld _world = new();

    public void Dispose() => _world.Dispose();

    [Fact]
    public void A_set_holds_the_moments_of_its_pictures()
    {
        using var scope = NewDisposeScope();
        using var set = CachedDataset.Open(_world.Set);
        set.Verify(TestContext.Current.CancellationToken);
        Assert.Equal((8, 4, 8), (set.Count, set.Channels, set.Size));
        using var network = AutoencoderFile.Load(_world.Vae);
        Assert.Equal(("vae.safetensors", network.Fingerprint()), (set.Latents!.Autoencoder, set.Latents.Fingerprint));
        using var source = new FolderSource(_world["set"]);
        using var pictures = new ResizedSet(source, 16);
        var (planes, stored) = (new byte[3 * 16 * 16], new byte[set.StoredBytes()]);
        foreach (var index in (int[])[0, 5])
        {
            pictures.Read(index, planes);
            using var picture = Pictures.ToTensor(planes, new(3, 16, 16));
            using var moments = LatentCodec.Moments(network, picture);
            set.Read(index, stored);
            var expected = cat([moments.Mean, moments.Std], 1).contiguous();
            Assert.True(expected.bytes.SequenceEqual(stored));
        }
        Assert.Throws<ArgumentException>(() => set.Read(0, new byte[3 * 16 * 16]));
    }

    [Fact]
    public void Measured_latents_have_mean_0_and_standard_deviation_one_half()
    {
        using var set = CachedDataset.Open(_world.Set);
        var values = new List<float>();
        for (var draw = 0UL; draw < 50; draw++)
        for (var i = 0; i < set.Count; i++)
        {
            var latent = new float[4 * 8 * 8];
            set.ReadValues(i, new RandomStream(draw, (ulong)i), latent);
            values.AddRange(latent);
        }
        for (var channel = 0; channel < 4; channel++)
        {
            var own = values.Where((_, i) => i / 64 % 4 == channel).Select(v => (double)v).ToArray();
            var mean = own.Average();
            Assert.InRange(mean, -0.02, 0.02); // of 25600 numbers
            Assert.InRange(Math.Sqrt(own.Average(v => v * v) - mean * mean), 0.48, 0.52);
        }
    }

    [Fact]
    public void Each_pass_draws_anew_and_each_counter_the_same()
    {
        using var set = CachedDataset.Open(_world.Set);
        var options = new LoaderOptions { BatchSize = 8, Seed = 3 };
        var passes = Passes(options, 2);
        Assert.Equal(passes[0].Indices.Order(), passes[1].Indices.Order()); // two epochs
        for (var i = 0; i < 8; i++)
        {
            var again = Array.IndexOf(passes[1].Indices, passes[0].Indices[i]);
            Assert.NotEqual(passes[0].Values[(256 * i)..(256 * i + 256)], passes[1].Values[(256 * again)..(256 * again + 256)]);
        }
        Assert.Equal(passes[1].Values, Passes(options with { StartCounter = 8 }, 1)[0].Values);
        var halves = Passes(options with { BatchSize = 4 }, 2);
        Assert.Equal(passes[0].Values, halves[0].Values.Concat(halves[1].Values));

        ImageBatch[] Passes(LoaderOptions o, int count)
        {
            using var loader = new PrefetchingLoader(set, o);
            return [.. Enumerable.Range(0, count).Select(_ => loader.Next(TestContext.Current.CancellationToken))];
        }
    }

    [Fact]
    public void A_set_of_pixels_is_what_it_was_and_latents_have_a_version_of_their_own()
    {
        Assert.Equal(1, File.ReadAllBytes(_world.Pixels)[8]);
        Assert.Equal(2, File.ReadAllBytes(_world.Set)[8]);
        Assert.DoesNotContain("latents", System.Text.Encoding.UTF8.GetString(File.ReadAllBytes(_world.Pixels)));
        foreach (var file in (string[])[_world.Pixels, _world.Set])
        {
            var bytes = File.ReadAllBytes(file);
            bytes[8] = (byte)(3 - bytes[8]);
            File.WriteAllBytes(file, bytes);
            Assert.Contains("header does not describe", Assert.Throws<DataFormatException>(() => CachedDataset.Open(file)).Message);
        }
    }

    [Theory]
    [InlineData(15, 3, LatentScale.Measured, "size 15|multiple of 2")]
    [InlineData(16, 1, LatentScale.Measured, "3 channels, these have 1")]
    [InlineData(16, 3, LatentScale.Edm2, "4 channels, these have 2")]
    public void Pictures_that_do_not_suit_are_refused(int size, int channels, LatentScale scale, string words)
    {
        var configuration = TestAutoencoders.Configuration with { LatentChannels = scale == LatentScale.Edm2 ? 2 : 4 };
        using var network = TestAutoencoders.Create(configuration: configuration);
        using var source = new FolderSource(_world["set"]);
        var options = new PrepareOptions
        {
            Size = size,
            Channels = channels,
            Latents = new(network, "vae.safetensors", scale),
        };
        var error = Assert.Throws<ConfigurationException>(() => DatasetPreparer.Prepare(source, _world["never.ifds"], options));
        foreach (var word in words.Split('|'))
            Assert.Contains(word, error.Message);
        Assert.False(File.Exists(_world["never.ifds"]));
    }
}

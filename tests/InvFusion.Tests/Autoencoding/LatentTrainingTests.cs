using InvFusion.Autoencoding;
using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Models;
using InvFusion.Restoration;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using InvFusion.Tests.Training;
using InvFusion.Training;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Autoencoding;

/// <summary>From a set of latents to a network that restores pictures.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class LatentTrainingTests : IDisposable
{
    private readonly LatentWorld _world = new();
    private readonly TorchThreads _thread = new(1);

    public void Dispose()
    {
        _thread.Dispose();
        _world.Dispose();
    }

    [Theory, InlineData(LossKind.Edm), InlineData(LossKind.Nppc)]
    public void A_run_on_latents_resumes_to_the_bit_and_its_network_restores_pictures(LossKind loss)
    {
        var options = _world.Options;
        options = options with
        {
            Loss = new() { Kind = loss },
            Network = options.Network with { Directions = loss == LossKind.Nppc ? 2 : 0 },
        };
        var (a, b) = (_world["a"], _world["b"]);
        Run(options, a);
        Run(options with { Images = 12 }, b);
        Run(options, b);
        TestRuns.AssertSameState(TestRuns.Checkpoints(a)[0], TestRuns.Checkpoints(b)[0]);
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(a, "grid-000000000032.png")),
            File.ReadAllBytes(Path.Combine(b, "grid-000000000032.png"))
        );
        foreach (var snapshot in Directory.GetFiles(a, "ema-*.safetensors"))
            Assert.Equal(File.ReadAllBytes(snapshot), File.ReadAllBytes(Path.Combine(b, Path.GetFileName(snapshot))));

        using var network = NetworkFile.Load(Path.Combine(a, "network-ema.safetensors"));
        Assert.Equal("vae.safetensors", network.Configuration.Latents!.Autoencoder);
        using var codec = LatentCodec.Open(_world.Vae, network.Configuration.Latents);
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse("box:0,0,4,4").Build(new ImageShape(4, 8, 8), 1, 1, CPU);
        var picture = rand(1, 3, 16, 16) * 2 - 1;
        var y = op.Apply(codec.Encode(picture, [new(3)]).unsqueeze(1));
        var restore = new RestoreOptions
        {
            Method = loss == LossKind.Nppc ? "nppc" : "edm",
            Sampler = new() { Steps = loss == LossKind.Nppc ? null : 3 },
            Samples = 2,
        };
        using var restored = new Restorer(network) { Codec = codec }.Restore(op, y, restore);
        Assert.Equal([restore.Drawn, 3L, 16, 16], restored.Samples.shape);
        Assert.Equal([restore.Drawn, 4L, 8, 8], restored.Latents!.shape);
        TensorAssert.Close(codec.Decode(restored.Latents), restored.Samples, 0);
        TensorAssert.Close(op.Apply(restored.Latents.unsqueeze(1)), y.expand(restore.Drawn, -1, -1), 1e-4); // projected
        Assert.Equal(loss == LossKind.Nppc ? [2L, 3, 16, 16] : null, restored.Directions?.shape);
        using var plain = new Restorer(network).Restore(op, y, restore);
        Assert.Null(plain.Latents);
        TensorAssert.Close(restored.Latents, plain.Samples, 0);
        var error = Assert.Throws<ConfigurationException>(() => new Restorer(network).Restore(op, y, restore with { TileOverlap = 1 }));
        Assert.Contains("--tiles", error.Message);
    }

    public static TheoryData<string, Func<TrainingOptions, TrainingOptions>> Wrong =>
        new()
        {
            { "horizontalFlip is true|false", o => o with { HorizontalFlip = true } },
            { "augmentation is 0.1|to 0", o => o with { Augmentation = 0.1 } },
            { "vae.safetensors|gridImages to 0", o => o with { Autoencoder = null } },
            { "4×8×8|3×8×8|network.channels", o => o with { Network = TestRuns.Options.Network with { Resolution = 8 } } },
        };

    [Theory, MemberData(nameof(Wrong), DisableDiscoveryEnumeration = true)]
    public void What_latents_cannot_have_is_refused_by_name(string words, Func<TrainingOptions, TrainingOptions> change) =>
        Refused<ConfigurationException>(words, change(_world.Options), _world.Set);

    [Fact]
    public void The_autoencoder_must_be_that_of_the_set()
    {
        using (var other = TestAutoencoders.Create(seed: 9))
            AutoencoderFile.Save(_world["other.safetensors"], other);
        Refused<DataFormatException>(
            "other.safetensors|another autoencoder|vae.safetensors",
            _world.Options with
            {
                Autoencoder = _world["other.safetensors"],
            },
            _world.Set
        );
        Refused<ConfigurationException>("autoencoder|pictures", TestRuns.Options with { Autoencoder = _world.Vae }, _world.Pixels);
    }

    [Fact]
    public void A_run_is_not_resumed_on_other_latents()
    {
        Run(_world.Options with { Images = 4 }, _world["run"]);
        using (var source = new FolderSource(_world["set"]))
        using (var network = AutoencoderFile.Load(_world.Vae))
            DatasetPreparer.Prepare(
                source,
                _world.Set,
                new PrepareOptions { Size = 16, Latents = new(network, "vae.safetensors") },
                cancellation: TestContext.Current.CancellationToken
            );
        var error = Assert.Throws<ConfigurationException>(() => Run(_world.Options, _world["run"]));
        Assert.Contains("network.latents.mean[0]", error.Message);
    }

    private static void Run(TrainingOptions options, string folder)
    {
        using var set = CachedDataset.Open(options.Data);
        using var trainer = new Trainer(options, folder, set);
        trainer.Run();
    }

    private void Refused<T>(string words, TrainingOptions options, string set)
        where T : Exception
    {
        var error = Assert.Throws<T>(() => Run(options with { Data = set }, _world["never"]));
        foreach (var word in words.Split('|'))
            Assert.Contains(word, error.Message);
        Assert.False(Directory.Exists(_world["never"]));
    }
}

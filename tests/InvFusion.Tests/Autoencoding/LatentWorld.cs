using InvFusion.Autoencoding;
using InvFusion.Data;
using InvFusion.Models;
using InvFusion.Tests.Data;
using InvFusion.Tests.Models;
using InvFusion.Tests.Training;
using InvFusion.Training;

namespace InvFusion.Tests.Autoencoding;

/// <summary>A folder with a tiny autoencoder, eight pictures of 16×16 and their latents of 4×8×8.</summary>
internal sealed class LatentWorld : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public LatentWorld(LatentScale scale = LatentScale.Measured)
    {
        for (var i = 0; i < 8; i++)
            _folder.Image($"set/{i}.png", 20, 16 + i, i);
        using var network = TestAutoencoders.Create();
        AutoencoderFile.Save(Vae, network);
        using var source = new FolderSource(this["set"]);
        var options = new PrepareOptions { Size = 16, Latents = new(network, "vae.safetensors", scale) };
        DatasetPreparer.Prepare(source, Set, options);
        DatasetPreparer.Prepare(source, Pixels, options with { Latents = null });
    }

    public string this[string name] => _folder[name];

    public string Vae => this["vae.safetensors"];

    public string Set => this["latents.ifds"];

    public string Pixels => this["pixels.ifds"];

    /// <summary>A run on the latents in which everything draws random numbers that can.</summary>
    public TrainingOptions Options =>
        TestRuns.Options with
        {
            Data = Set,
            HorizontalFlip = false,
            Degradations = ["matrix", "box", "patches", "none"],
            GridImages = 16,
            Autoencoder = Vae,
            PowerEma = new() { Stds = [0.05, 0.1], SnapshotImages = 12 },
            Network = TestNetworks.Configuration with
            {
                Channels = 4,
                Resolution = 8,
                Levels =
                [
                    TestNetworks.Configuration.Levels[0],
                    new LevelConfiguration
                    {
                        Width = 64,
                        Depth = 1,
                        HeadWidth = 16,
                    },
                ],
            },
        };

    public void Dispose() => _folder.Dispose();
}

using InvFusion.Autoencoding;
using static TorchSharp.torch;

namespace InvFusion.Tests.Autoencoding;

/// <summary>An autoencoder small enough for tests, with random weights.</summary>
internal static class TestAutoencoders
{
    /// <summary>Two pixels along a side for one number; two widths, so that a block has a shortcut.</summary>
    public static AutoencoderConfiguration Configuration { get; } =
        new()
        {
            Widths = [8, 16],
            Blocks = 1,
            Groups = 4,
        };

    public static KlAutoencoder Create(long seed = 1, AutoencoderConfiguration? configuration = null)
    {
        manual_seed(seed);
        var network = new KlAutoencoder(configuration ?? Configuration);
        network.eval();
        return network;
    }

    /// <summary>Any numbers for <see cref="LatentCodec.Open"/>, of an autoencoder in a file.</summary>
    public static LatentDescription Describe(KlAutoencoder network, string name = "vae.safetensors") =>
        new()
        {
            Autoencoder = name,
            Fingerprint = network.Fingerprint(),
            Mean = [0.3, -0.1, 0, 1],
            Std = [0.5, 1, 2, 0.1],
        };
}

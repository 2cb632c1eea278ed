namespace InvFusion.Autoencoding;

/// <summary>Everything that decides the shape of a <see cref="KlAutoencoder"/>. The defaults are those of Stable Diffusion's.</summary>
public sealed record AutoencoderConfiguration
{
    /// <summary>Channels of the levels, finest first. Each level but the last halves the sides.</summary>
    public IReadOnlyList<int> Widths { get; init; } = [128, 256, 512, 512];

    /// <summary>Residual blocks of a level of the encoder; the decoder has one more.</summary>
    public int Blocks { get; init; } = 2;

    /// <summary>Groups of the normalisations.</summary>
    public int Groups { get; init; } = 32;

    /// <summary>Channels of a picture.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>Channels of a latent.</summary>
    public int LatentChannels { get; init; } = 4;

    /// <summary>Pixels along a side for one number of a latent.</summary>
    public int Factor => 1 << (Widths.Count - 1);

    /// <summary>Checks that the network can be built.</summary>
    /// <param name="source">Named in the message.</param>
    /// <exception cref="ConfigurationException">A value is out of range; the message names it.</exception>
    public void Validate(string source = "autoencoder")
    {
        Require(Widths.Count is > 0 and <= 8, "widths", Widths.Count, "1 to 8 levels");
        Require(Blocks is > 0 and <= 16, "blocks", Blocks, "1 to 16");
        Require(Groups > 0, "groups", Groups, "positive");
        Require(Channels is > 0 and <= 64, "channels", Channels, "1 to 64");
        Require(LatentChannels is > 0 and <= 32, "latentChannels", LatentChannels, "1 to 32");
        foreach (var width in Widths)
            Require(width is > 0 and <= 1 << 14 && width % Groups == 0, "widths", width, $"multiples of the {Groups} groups");

        void Require(bool holds, string key, int value, string rule)
        {
            if (!holds)
                throw new ConfigurationException($"{source}: {key} {value}: must be {rule}");
        }
    }
}

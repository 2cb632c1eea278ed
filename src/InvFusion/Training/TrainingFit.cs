using InvFusion.Data;

namespace InvFusion.Training;

/// <summary>Whether a set is one that a run can train on.</summary>
internal static class TrainingFit
{
    /// <summary>Checks sizes, classes and what latents cannot have.</summary>
    /// <exception cref="ConfigurationException">It is not; the message names the set or the option, and the way out.</exception>
    public static void Require(TrainingOptions options, IImageSet images)
    {
        var n = options.Network;
        if (images.Size != n.Resolution || images.Channels != n.Channels)
            throw new ConfigurationException(
                $"{options.Data}: images are {images.Channels}×{images.Size}×{images.Size}, the network takes {n.Channels}×{n.Resolution}×{n.Resolution}; "
                    + (
                        images.Latents is null
                            ? $"'dataset prepare --size {n.Resolution}' makes them fit"
                            : "latents need a network of their channels and size (network.channels, network.resolution)"
                    )
            );
        if (n.Classes > 0 && images.ClassCount != n.Classes)
            throw new ConfigurationException($"{options.Data}: has {images.ClassCount} classes, the network {n.Classes}");
        if (images.Latents is null)
        {
            if (options.Autoencoder is not null)
                throw new ConfigurationException($"autoencoder: is given, but {options.Data} holds pictures; leave it out");
            return;
        }
        // The encoder is not symmetric: the mirrored latent is not that of the mirrored picture.
        if (options.HorizontalFlip || options.Augmentation > 0)
            throw new ConfigurationException(
                $"{(options.HorizontalFlip ? "horizontalFlip is true" : $"augmentation is {options.Augmentation}")}: latents cannot be moved as pictures are ({options.Data} holds latents); set it to {(options.HorizontalFlip ? "false" : "0")}"
            );
        if (options.GridImages > 0 && options.Autoencoder is null)
            throw new ConfigurationException(
                $"autoencoder: grids of latents are decoded with '{images.Latents.Autoencoder}'; give its file, or set gridImages to 0"
            );
    }
}

using InvFusion.Data;
using InvFusion.Imaging;
using InvFusion.Models;

namespace InvFusion.Cli.Commands;

/// <summary>Opens the images that a user names.</summary>
internal static class ImageSets
{
    /// <summary>A prepared set, an IDX file, or a folder or zip whose images are cropped to the network's size as they are read.</summary>
    public static IImageSet Open(string path, NetworkConfiguration network) => Open(path, network.Resolution, network.Channels);

    /// <summary>As above; a prepared set and an IDX file keep their own size and channels.</summary>
    public static IImageSet Open(string path, int size, int channels) =>
        CachedDataset.IsCached(path) ? CachedDataset.Open(path)
        : IdxSet.IsIdx(path) ? IdxSet.Open(path)
        : new ResizedSet(ImageSource.Open(path), size, CropMode.Adm, channels);

    /// <summary>The same, for commands that measure the errors of pictures.</summary>
    /// <exception cref="ConfigurationException">The set holds latents.</exception>
    public static IImageSet OpenPictures(string path, NetworkConfiguration network) =>
        OpenPictures(path, network.Resolution, network.Channels);

    /// <summary>As above, for commands that look at pictures.</summary>
    public static IImageSet OpenPictures(string path, int size, int channels)
    {
        var set = Open(path, size, channels);
        if (set.Latents is null)
            return set;
        set.Dispose();
        throw new ConfigurationException($"{path}: holds latents, whose errors are not those of pictures; give a set of pictures");
    }

    /// <summary>Refuses a network of latents where the errors of pictures are measured.</summary>
    /// <exception cref="ConfigurationException">The network works on latents.</exception>
    public static void RequirePictures(string model, NetworkConfiguration network)
    {
        if (network.Latents is not null)
            throw new ConfigurationException(
                $"--model {model}: works on latents, whose errors are not those of pictures; 'restore --simulate' measures it"
            );
    }
}

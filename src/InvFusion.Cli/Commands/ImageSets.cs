using InvFusion.Data;
using InvFusion.Imaging;
using InvFusion.Models;

namespace InvFusion.Cli.Commands;

/// <summary>Opens the images that a user names for a network.</summary>
internal static class ImageSets
{
    /// <summary>A prepared set, or a folder or zip whose images are cropped to the network's size as they are read.</summary>
    public static IImageSet Open(string path, NetworkConfiguration network) =>
        CachedDataset.IsCached(path)
            ? CachedDataset.Open(path)
            : new ResizedSet(ImageSource.Open(path), network.Resolution, CropMode.Adm, network.Channels);
}

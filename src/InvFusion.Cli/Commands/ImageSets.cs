using System.Security.Cryptography;
using System.Text;
using InvFusion.Data;
using InvFusion.Imaging;
using InvFusion.Models;

namespace InvFusion.Cli.Commands;

/// <summary>Opens the images that a user names.</summary>
internal static class ImageSets
{
    private const int HashedImages = 16;

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
        throw HoldsLatents(path);
    }

    private static ConfigurationException HoldsLatents(string path) =>
        new($"{path}: holds latents, whose errors are not those of pictures; give a set of pictures");

    /// <summary>Refuses a network of latents where the errors of pictures are measured.</summary>
    /// <exception cref="ConfigurationException">The network works on latents.</exception>
    public static void RequirePictures(string model, NetworkConfiguration network)
    {
        if (network.Latents is not null)
            throw new ConfigurationException(
                $"--model {model}: works on latents, whose errors are not those of pictures; 'restore --simulate' measures it"
            );
    }

    /// <summary>The same without a network; a folder or zip needs a size.</summary>
    /// <exception cref="ConfigurationException">There is none, or it is another one than a prepared set has, or that holds latents.</exception>
    public static IImageSet OpenPictures(string path, int? size)
    {
        if (!CachedDataset.IsCached(path))
            return new ResizedSet(
                ImageSource.Open(path),
                size ?? throw new ConfigurationException($"--size: {path} is no prepared set; say to which side its images are resized"),
                CropMode.Adm
            );
        var set = CachedDataset.Open(path);
        if (set.Latents is null && (size is null || size == set.Size))
            return set;
        set.Dispose();
        if (set.Latents is not null)
            throw HoldsLatents(path);
        throw new ConfigurationException($"--size {size}: {path} has images of {set.Size}; leave it out");
    }

    /// <summary>What tells a set from another: its name, number and size of images, and a hash of their names and of the first images' pixels.</summary>
    public static string Fingerprint(string path, IImageSet set)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var name in set.Names)
            hash.AppendData(Encoding.UTF8.GetBytes(name + "\n"));
        var pixels = new byte[set.Channels * set.Size * set.Size];
        for (var i = 0; i < Math.Min(set.Count, HashedImages); i++)
        {
            set.Read(i, pixels);
            hash.AppendData(pixels);
        }
        var digest = Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
        return $"{Path.GetFileName(path.TrimEnd('/'))}, {set.Count} images of {set.Size}x{set.Size}, {digest}";
    }
}

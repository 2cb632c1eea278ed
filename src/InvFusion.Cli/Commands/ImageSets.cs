using System.CommandLine;
using InvFusion.Cli.Rendering;
using InvFusion.Data;
using InvFusion.Imaging;
using InvFusion.Models;

namespace InvFusion.Cli.Commands;

/// <summary>Opens the images that a user names.</summary>
internal static class ImageSets
{
    /// <summary>What can be named, for the help.</summary>
    public static string Usage { get; } = $"a prepared set, a folder or zip, an IDX file, or {DatasetLayouts.Usage}";

    /// <summary>A prepared set, an IDX file, or a folder or zip whose images are cropped to the network's size as they are read.</summary>
    public static IImageSet Open(string path, NetworkConfiguration network) => Open(path, network.Resolution, network.Channels);

    /// <summary>The same, for commands that measure the errors of pictures.</summary>
    /// <exception cref="ConfigurationException">The set holds latents, or images of another shape than the network's.</exception>
    public static IImageSet OpenPictures(string path, NetworkConfiguration network)
    {
        var set = OpenPictures(path, network.Resolution, network.Channels);
        if (Problem(set, network) is not { } problem)
            return set;
        set.Dispose();
        throw new ConfigurationException($"{path}: {problem}");
    }

    /// <summary>The same without a network: a prepared set and an IDX file keep their own size and channels, a folder or zip needs a size.</summary>
    /// <exception cref="ConfigurationException">The set holds latents, or it is a folder or zip and there is no size.</exception>
    public static IImageSet OpenPictures(string path, int? size, int channels = 3)
    {
        var set = Open(path, size, channels);
        if (set.Latents is null)
            return set;
        set.Dispose();
        throw new ConfigurationException($"{path}: holds latents, whose errors are not those of pictures; give a set of pictures");
    }

    /// <summary>The option that says how many images of a set are taken.</summary>
    /// <param name="most">How many at most where it is left out.</param>
    public static Option<int?> CountOption(int most) =>
        new("--num")
        {
            Description = $"How many images, from the first on; {most} by default, or all where there are fewer",
            HelpName = "1 or more",
        };

    /// <summary>How many images of a set are taken.</summary>
    /// <param name="wanted">What was asked for; null for what is usual.</param>
    /// <param name="most">How many at most where nothing is asked for.</param>
    /// <param name="set">The set.</param>
    /// <param name="path">What messages call it.</param>
    /// <exception cref="ConfigurationException">There are not as many.</exception>
    public static int Count(int? wanted, int most, IImageSet set, string path) =>
        wanted switch
        {
            null => Math.Min(most, set.Count),
            { } count when count >= 1 && count <= set.Count => count,
            _ => throw new ConfigurationException($"--num {wanted}: must be 1 to {set.Count}, the images of {path}"),
        };

    /// <summary>Refuses a network of latents where the errors of pictures are measured.</summary>
    /// <exception cref="ConfigurationException">The network works on latents.</exception>
    public static void RequirePictures(string model, NetworkConfiguration network)
    {
        if (network.Latents is not null)
            throw new ConfigurationException(
                $"--model {model}: works on latents, whose errors are not those of pictures; 'restore --simulate' measures it"
            );
    }

    /// <summary>Why a network cannot restore the images of a set, and the way out; null where it can.</summary>
    public static string? Problem(IImageSet set, NetworkConfiguration network) =>
        set.Size == network.Resolution && set.Channels == network.Channels
            ? null
            : $"has images of {set.Channels}x{set.Size}x{set.Size}, the model works on {network.Channels}x{network.Resolution}x{network.Resolution}; "
                + "give a set or a model that fits";

    /// <summary>One line where a folder or archive holds files that are no images.</summary>
    public static void TellSkipped(IImageSet set, Reporter reporter)
    {
        if (set.Skipped.Count > 0)
            reporter.Line($"left out: {FileKinds.Count(set.Skipped)}");
    }

    /// <summary>What the first images of a set are, for the manifest of a result.</summary>
    public static Manifest ManifestOf(IImageSet set, int count, Reporter reporter, CancellationToken cancellation)
    {
        TellSkipped(set, reporter);
        return reporter.Run(
            "checksum",
            "images",
            progress => Manifest.Of(set, [.. Enumerable.Range(0, count)], new ImageProgress(progress), cancellation),
            aside: true
        );
    }

    private static IImageSet Open(string path, int? size, int channels) =>
        CachedDataset.IsCached(path) ? CachedDataset.Open(path)
        : IdxSet.IsIdx(path) ? IdxSet.Open(path)
        : new ResizedSet(
            ImageSource.Open(path),
            size ?? throw new UsageException($"--size: {path} is a folder or zip; say to which side its images are resized"),
            CropMode.Adm,
            channels
        );
}

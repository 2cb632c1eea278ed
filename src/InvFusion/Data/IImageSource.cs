using InvFusion.Imaging;

namespace InvFusion.Data;

/// <summary>Images of any size, as they lie in a folder or an archive, in the ordinal order of their names.</summary>
/// <remarks>All members may be used from several threads at once.</remarks>
public interface IImageSource : IDisposable
{
    /// <summary>What errors and reports call the source: the folder or file as the user named it.</summary>
    string Description { get; }

    /// <summary>Number of images.</summary>
    int Count { get; }

    /// <summary>Their names with forward slashes, relative to the source, sorted ordinally.</summary>
    IReadOnlyList<string> Names { get; }

    /// <summary>Files that are not images by their extension, sorted; <c>dataset.json</c> is not among them.</summary>
    IReadOnlyList<string> Skipped { get; }

    /// <summary>Number of classes; 0 without labels.</summary>
    int ClassCount { get; }

    /// <summary>The class of an image, or -1 without labels.</summary>
    int Label(int index);

    /// <summary>Bytes of the file of an image.</summary>
    long FileLength(int index);

    /// <summary>Decodes an image.</summary>
    /// <exception cref="DataFormatException">The file is damaged; the message names it.</exception>
    RgbImage Load(int index);

    /// <summary>Decodes an image and makes something smaller of it, within the memory that all threads share.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    /// <param name="use">What is made of it.</param>
    /// <exception cref="DataFormatException">The file is damaged; the message names it.</exception>
    T Use<T>(int index, Func<RgbImage, T> use)
    {
        ArgumentNullException.ThrowIfNull(use);
        return use(Load(index));
    }
}

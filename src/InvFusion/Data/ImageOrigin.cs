namespace InvFusion.Data;

/// <summary>Where the images of a set come from.</summary>
/// <param name="Source">File or folder name, without its path.</param>
/// <param name="Crop">How images became squares, a name of <see cref="Imaging.CropMode"/>; empty where they were squares.</param>
/// <param name="FileLength">Bytes of the file of an image; -1 where it has none.</param>
public sealed record ImageOrigin(string Source, string Crop, Func<int, long> FileLength)
{
    /// <summary>Images of which nothing is known.</summary>
    public static ImageOrigin Unknown { get; } = new("", "", _ => -1);
}

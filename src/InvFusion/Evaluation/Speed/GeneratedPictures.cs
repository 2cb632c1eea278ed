using InvFusion.Imaging;

namespace InvFusion.Evaluation.Speed;

/// <summary>A folder of pictures made up for a measurement, PNG and JPEG in turns; it is removed in the end.</summary>
internal sealed class GeneratedPictures : IDisposable
{
    private const int Side = 256;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("invfusion-speed-");

    /// <summary>Makes the pictures.</summary>
    public GeneratedPictures(int count)
    {
        for (var i = 0; i < count; i++)
            ImageEncoder.Save(Picture(i), Path.Combine(Folder, $"{i:000}.{(i % 2 == 0 ? "png" : "jpg")}"));
    }

    /// <summary>The folder.</summary>
    public string Folder => _folder.FullName;

    public void Dispose() => _folder.Delete(recursive: true);

    // Smooth waves under a grain: neither flat nor noise, so that both formats have about the work of a photo.
    private static RgbImage Picture(int seed)
    {
        var grain = new Random(seed);
        var picture = new RgbImage(Side, Side);
        for (var i = 0; i < picture.Pixels.Length; i++)
        {
            var (c, x, y) = (i % 3, i / 3 % Side, i / 3 / Side);
            picture.Pixels[i] = (byte)(128 + 100 * Math.Sin(0.05 * x * (c + 1) + seed) * Math.Cos(0.03 * y + c) + grain.Next(-8, 9));
        }
        return picture;
    }
}

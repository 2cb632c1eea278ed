using System.IO.Compression;
using InvFusion.Imaging;

namespace InvFusion.Tests.Data;

/// <summary>A folder that goes with its test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("invfusion-data-");

    public string Root => _folder.FullName;

    public string this[string name] => Path.Combine(Root, name);

    /// <summary>Writes an image whose pixels follow from its seed.</summary>
    public RgbImage Image(string name, int width = 8, int height = 8, int seed = 0)
    {
        var image = new RgbImage(width, height);
        new Random(seed).NextBytes(image.Pixels);
        ImageEncoder.Save(image, this[name]);
        return image;
    }

    public void File(string name, byte[] content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(this[name])!);
        System.IO.File.WriteAllBytes(this[name], content);
    }

    public void Text(string name, string content) => File(name, System.Text.Encoding.UTF8.GetBytes(content));

    /// <summary>Packs a subfolder into an archive beside it.</summary>
    public string Zip(string folder, CompressionLevel level = CompressionLevel.Optimal)
    {
        var path = this[folder + ".zip"];
        ZipFile.CreateFromDirectory(this[folder], path, level, includeBaseDirectory: false);
        return path;
    }

    public void Dispose() => _folder.Delete(recursive: true);
}

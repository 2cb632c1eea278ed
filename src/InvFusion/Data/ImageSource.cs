using InvFusion.Imaging;

namespace InvFusion.Data;

/// <summary>What folder and archive share: which files are images, their order, their labels, their decoding.</summary>
public abstract class ImageSource : IImageSource
{
    /// <summary>The file of a source that holds its labels.</summary>
    public const string LabelFile = "dataset.json";

    private static readonly string[] Extensions = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"];

    private string[] _names = [];
    private string[] _skipped = [];
    private ImageLabels _labels = ImageLabels.None;

    private protected ImageSource(string description) => Description = description;

    /// <inheritdoc/>
    public string Description { get; }

    /// <inheritdoc/>
    public int Count => _names.Length;

    /// <inheritdoc/>
    public IReadOnlyList<string> Names => _names;

    /// <inheritdoc/>
    public IReadOnlyList<string> Skipped => _skipped;

    /// <inheritdoc/>
    public int ClassCount => _labels.ClassCount;

    /// <inheritdoc/>
    public int Label(int index) => _labels[index];

    /// <summary>Opens a folder, a <c>.zip</c> file, or a part of a known data set, see <see cref="DatasetLayouts"/>.</summary>
    /// <param name="path">What the user named: a path, or the name of a part, a colon and a path, such as <c>ffhq-test:images</c>.</param>
    /// <exception cref="DataFormatException">There is no such thing, it holds no image, or its labels are wrong.</exception>
    public static IImageSource Open(string path)
    {
        if (Directory.Exists(path))
            return new FolderSource(path);
        if (File.Exists(path))
            return new ZipSource(path);
        return DatasetLayouts.TryOpen(path)
            ?? throw new DataFormatException(
                $"{path}: no such folder or file; name a folder of images, a zip of them or {DatasetLayouts.Usage}"
            );
    }

    /// <inheritdoc/>
    public long FileLength(int index) => LengthOf(_names[index]);

    /// <inheritdoc/>
    public RgbImage Load(int index)
    {
        var name = _names[index];
        return ImageDecoder.Decode(ReadFile(name), $"{Description}: {name}");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the source holds open.</summary>
    protected virtual void Dispose(bool disposing) { }

    /// <summary>The content of a file of the source; errors name it.</summary>
    private protected abstract byte[] ReadFile(string name);

    /// <summary>The length of a file of the source.</summary>
    private protected abstract long LengthOf(string name);

    /// <summary>Sorts the files into images, labels and others. Called once by the constructor of a source.</summary>
    /// <param name="files">All files, relative names with forward slashes.</param>
    private protected void Index(IReadOnlyCollection<string> files)
    {
        _names = [.. files.Where(IsImage).Order(StringComparer.Ordinal)];
        _skipped = [.. files.Where(f => !IsImage(f) && f != LabelFile).Order(StringComparer.Ordinal)];
        if (_names.Length == 0)
            throw new DataFormatException($"{Description}: holds no image ({string.Join(", ", Extensions.Select(e => e[1..]))})");
        if (files.Contains(LabelFile))
            _labels = ImageLabels.Parse(ReadFile(LabelFile), _names, $"{Description}: {LabelFile}");
    }

    private static bool IsImage(string name) => Extensions.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase);
}

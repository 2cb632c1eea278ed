using InvFusion.Formats.IO;
using InvFusion.Imaging;

namespace InvFusion.Data;

/// <summary>What folder and archive share: which files are images, their order, their labels, their decoding.</summary>
public abstract class ImageSource : IImageSource
{
    /// <summary>The file of a source that holds its labels.</summary>
    public const string LabelFile = "dataset.json";

    private const long MostFileBytes = 1 << 30; // of one image
    private const long MostLabelBytes = 1 << 28;
    private const string AppleFolder = "__MACOSX/";
    private const string ApplePrefix = "._"; // what macOS keeps beside a file where the file system cannot: no image, whatever it is called

    private static readonly string[] Extensions = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"];

    // Of encoded files, for all threads; that of decoding is another one, so that who waits for that one has this.
    private static readonly MemoryBudget Files = MemoryBudget.OfMachine(parts: 2);

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
    public RgbImage Load(int index) => Use(index, image => image);

    /// <inheritdoc/>
    public T Use<T>(int index, Func<RgbImage, T> use)
    {
        var name = _names[index];
        using var share = TakeFile(name, MostFileBytes);
        return ImageDecoder.Decode(ReadFile(name), Shown(name), use);
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

    /// <summary>The length of a file of the source; errors name it.</summary>
    private protected abstract long LengthOf(string name);

    /// <summary>What an error calls a file of the source.</summary>
    private protected string Shown(string name) => $"{Description}: {Formats.IO.Names.Shown(name)}";

    /// <summary>What to say of a file of the source that could not be read.</summary>
    private protected DataFormatException Unreadable(string name, Exception e) =>
        new($"{Shown(name)}: cannot be read ({Formats.IO.Names.Shown(e.Message).TrimEnd('.')})", e);

    /// <summary>Sorts the files into images, labels and others. Called once by the constructor of a source.</summary>
    /// <param name="files">All files, relative names with forward slashes.</param>
    private protected void Index(IReadOnlyCollection<string> files)
    {
        _names = [.. files.Where(IsImage).Order(StringComparer.Ordinal)];
        var labels = LabelFiles(files);
        _skipped = [.. files.Where(f => !IsImage(f)).Except(labels).Order(StringComparer.Ordinal)];
        if (_names.Length == 0)
            throw new DataFormatException(
                $"{Description}: holds no image ({string.Join(", ", Extensions.Select(e => e[1..]))})"
                    + (_skipped.Length > 0 ? $", only {FileKinds.Count(_skipped)}" : "")
            );
        _labels = ImageLabels.Parse([.. labels.Select(f => (Content(f), FolderOf(f), Shown(f)))], _names);
    }

    // That of the source itself, or those of folders where all images lie in such folders: archives have their set in one.
    private string[] LabelFiles(IReadOnlyCollection<string> files)
    {
        if (files.Contains(LabelFile))
            return [LabelFile];
        string[] inFolders = [.. files.Where(f => f.EndsWith("/" + LabelFile, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        return _names.All(name => inFolders.Any(f => name.StartsWith(FolderOf(f), StringComparison.Ordinal))) ? inFolders : [];
    }

    private static string FolderOf(string labelFile) => labelFile[..^LabelFile.Length];

    private byte[] Content(string name)
    {
        using var share = TakeFile(name, MostLabelBytes);
        return ReadFile(name);
    }

    private IDisposable TakeFile(string name, long most)
    {
        var length = LengthOf(name);
        return length <= most
            ? Files.Take(length, Shown(name))
            : throw new DataFormatException($"{Shown(name)}: has {length} bytes; at most {most} are read");
    }

    private static bool IsImage(string name) =>
        Extensions.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase)
        && !name.StartsWith(AppleFolder, StringComparison.Ordinal)
        && !Path.GetFileName(name.AsSpan()).StartsWith(ApplePrefix, StringComparison.Ordinal);
}

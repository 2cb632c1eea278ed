using InvFusion.Formats.IO;

namespace InvFusion.Data;

/// <summary>ImageNet: folders <c>train/</c> and <c>val/</c>, in them one for each class.</summary>
/// <remarks>
/// A class has the number of its identifier in the file <c>synsets.txt</c> beside the two folders (one a line, the rest of the line is ignored; <c>LOC_synset_mapping.txt</c> is such a
/// file and is taken too), or else in the ordinal order of the class folders. That order of the 1000 identifiers is the one of published models and not ILSVRC2012_ID of the development kit.
/// </remarks>
internal static class ImageNetLayout
{
    /// <summary>The subsets take the first images of every so many of a class: it has 50 in <c>val/</c>.</summary>
    public const int Stride = 50;

    private static readonly string[] OrderFiles = ["synsets.txt", "LOC_synset_mapping.txt"];

    /// <summary>Opens a part.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="name">What the user called the part.</param>
    /// <param name="part"><c>train</c> or <c>val</c>.</param>
    /// <param name="first">How many of every <see cref="Stride"/> images of a class are taken.</param>
    /// <exception cref="DataFormatException">The folder is not laid out so; the message names what is wrong.</exception>
    public static IImageSource Open(string path, string name, string part, int first)
    {
        var folder = Path.Combine(path, part);
        if (!Directory.Exists(folder))
            throw new DataFormatException($"{path}: has no folder '{part}'; {name} needs train/ and val/ with a folder for each class");
        var classes = Classes(path, folder);
        var source = new FolderSource(folder);
        var (indices, labels, seen) = (new List<int>(), new List<int>(), new int[classes.Count]);
        for (var i = 0; i < source.Count; i++)
        {
            var label = Label(source.Names[i], classes, folder);
            // Sorted by name: a class's images come one after the other.
            if (seen[label]++ % Stride >= first)
                continue;
            indices.Add(i);
            labels.Add(label);
        }
        return new SelectedSource(source, $"{name}:{path}", [.. indices], [.. labels], classes.Count);
    }

    private static int Label(string image, Dictionary<string, int> classes, string folder)
    {
        var slash = image.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0)
            throw new DataFormatException(
                $"{folder}: {Names.Shown(image)} lies in no class folder; sort the images into folders named as their classes"
            );
        var name = image[..slash];
        return classes.TryGetValue(name, out var label)
            ? label
            : throw new DataFormatException(
                $"{folder}: {Names.Quote(name)} is none of the {classes.Count} classes (of {string.Join(", ", OrderFiles)}, or else the folders of train/); rename or remove it"
            );
    }

    private static Dictionary<string, int> Classes(string path, string folder)
    {
        var file = OrderFiles.Select(f => Path.Combine(path, f)).FirstOrDefault(File.Exists);
        // The classes are those of train/, where it is: a class that val/ lacks would shift the numbers of those behind it.
        var train = Path.Combine(path, "train");
        var names = file is not null ? ReadOrder(file) : Folders(Directory.Exists(train) ? train : folder);
        var classes = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var name in names)
            if (!classes.TryAdd(name, classes.Count))
                throw new DataFormatException($"{file}: names {Names.Shown(name)} twice");
        return classes.Count > 0
            ? classes
            : throw new DataFormatException($"{file ?? folder}: has no class; a folder for each, or one identifier a line, is wanted");
    }

    private static string[] ReadOrder(string file)
    {
        try
        {
            return
            [
                .. InputFile
                    .ReadAllText(file)
                    .Split('\n')
                    .Select(line => line.Trim())
                    .Where(line => line.Length > 0)
                    .Select(line => line.Split(' ', '\t')[0]),
            ];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFormatException($"{file}: cannot be read ({e.Message.TrimEnd('.')})", e);
        }
    }

    private static string[] Folders(string parent)
    {
        try
        {
            return [.. Directory.EnumerateDirectories(parent).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFormatException($"{parent}: cannot be listed ({e.Message.TrimEnd('.')})", e);
        }
    }
}

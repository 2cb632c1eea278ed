namespace InvFusion.Data;

/// <summary>The parts of known data sets: <c>NAME:PATH</c> wherever images are named.</summary>
public static class DatasetLayouts
{
    private static readonly (string Name, Func<string, string, IImageSource> Open)[] All =
    [
        ("ffhq-train", (path, name) => FfhqLayout.Open(path, name, test: false)),
        ("ffhq-test", (path, name) => FfhqLayout.Open(path, name, test: true)),
        ("imagenet-train", (path, name) => ImageNetLayout.Open(path, name, "train", ImageNetLayout.Stride)),
        ("imagenet-val", (path, name) => ImageNetLayout.Open(path, name, "val", ImageNetLayout.Stride)),
        ("imagenet-val-10k", (path, name) => ImageNetLayout.Open(path, name, "val", 10)),
        ("imagenet-val-1k", (path, name) => ImageNetLayout.Open(path, name, "val", 1)),
    ];

    /// <summary>The names, for help and errors.</summary>
    public static string Usage { get; } = $"{string.Join(", ", All.Select(layout => layout.Name))} with a colon and its folder";

    /// <summary>The same with an absolute path, where the path leads to something.</summary>
    /// <param name="text">A path, or the name of a part, a colon and a path.</param>
    public static string Absolute(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (Path.Exists(text))
            return Path.GetFullPath(text);
        var start = text.IndexOf(':', StringComparison.Ordinal) + 1;
        return start > 0 && Path.Exists(text[start..]) ? text[..start] + Path.GetFullPath(text[start..]) : text;
    }

    /// <summary>Opens a part of a known data set; null when the text names none.</summary>
    /// <param name="text">For example <c>imagenet-val-10k:/data/imagenet</c>.</param>
    /// <exception cref="DataFormatException">The folder is missing or is not laid out so.</exception>
    public static IImageSource? TryOpen(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0)
            return null;
        var layout = All.FirstOrDefault(l => text.AsSpan(0, colon).SequenceEqual(l.Name));
        return layout.Open?.Invoke(text[(colon + 1)..], layout.Name);
    }
}

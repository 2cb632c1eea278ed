namespace InvFusion.Data;

/// <summary>Files that are no images, in a few words.</summary>
public static class FileKinds
{
    private const int Most = 5;

    /// <summary>For example <c>12 other files (.txt 10, .gif 2)</c>.</summary>
    /// <param name="names">The files.</param>
    public static string Count(IReadOnlyCollection<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        var kinds = names
            .CountBy(name =>
                Path.GetExtension(name) is { Length: > 0 } extension ? Formats.IO.Names.Shown(extension, 12) : "without extension"
            )
            .OrderByDescending(kind => kind.Value)
            .ThenBy(kind => kind.Key, StringComparer.Ordinal)
            .ToArray();
        var named = string.Join(", ", kinds.Take(Most).Select(kind => $"{kind.Key} {kind.Value}"));
        if (names.Count == 0)
            return "0 other files";
        return $"{names.Count} other file{(names.Count == 1 ? "" : "s")} ({named}{(kinds.Length > Most ? ", ..." : "")})";
    }
}

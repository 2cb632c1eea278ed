using System.IO.Enumeration;
using InvFusion.Formats.IO;

namespace InvFusion.Data;

/// <summary>Lists the files of a folder and of all folders below it. A folder comes once, however many links lead to it; pipes, sockets and devices are passed over.</summary>
internal sealed class FolderFiles
{
    private const int MostLinks = 40; // of one path, as in Linux

    private static readonly EnumerationOptions Everything = new() { AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false };

    private readonly List<string> _files = [];
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private readonly Queue<(string Path, string Prefix)> _links = [];

    private FolderFiles() { }

    /// <summary>The files, relative to the folder, with forward slashes.</summary>
    /// <exception cref="IOException">A folder cannot be listed.</exception>
    public static IReadOnlyList<string> List(string folder)
    {
        var list = new FolderFiles();
        list.Walk(Real(Path.GetFullPath(folder)), "");
        // Last, so that a file has the name that it has without links.
        while (list._links.TryDequeue(out var link))
            list.Walk(Real(link.Path), link.Prefix);
        return list._files;
    }

    private void Walk(string folder, string prefix)
    {
        if (!_seen.Add(folder))
            return;
        var entries = new FileSystemEnumerable<(string Name, bool Folder, bool Odd)>(
            folder,
            (ref FileSystemEntry e) =>
                (
                    e.FileName.ToString(),
                    e.IsDirectory,
                    e.IsDirectory ? e.Attributes.HasFlag(FileAttributes.ReparsePoint) : e.Length == 0 && InputFile.IsSpecial(e.ToFullPath())
                ),
            Everything
        );
        foreach (var (name, isFolder, odd) in entries.OrderBy(e => e.Name, StringComparer.Ordinal).ToArray())
            if (!isFolder && !odd)
                _files.Add(prefix + name);
            else if (isFolder && odd)
                _links.Enqueue((Path.Combine(folder, name), $"{prefix}{name}/"));
            else if (isFolder)
                Walk(Path.Combine(folder, name), $"{prefix}{name}/");
    }

    // The path of the same file without links.
    private static string Real(string path)
    {
        var real = Path.GetPathRoot(path)!;
        var rest = new Stack<string>(Parts(path[real.Length..]));
        for (var links = 0; rest.TryPop(out var part); )
        {
            var next = part == ".." ? Path.GetDirectoryName(real) ?? real : Path.Combine(real, part);
            if (part == ".." || new FileInfo(next).LinkTarget is not { } target)
            {
                real = next;
                continue;
            }
            if (++links > MostLinks)
                throw new IOException($"too many links lead to {path}");
            if (Path.IsPathRooted(target))
                real = Path.GetPathRoot(target)!;
            foreach (var step in Parts(target))
                rest.Push(step);
        }
        return real;
    }

    // The last one first.
    private static IEnumerable<string> Parts(string path) =>
        path.Split(Path.DirectorySeparatorChar).Where(p => p is not ("" or ".")).Reverse();
}

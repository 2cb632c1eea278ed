namespace InvFusion.Data;

/// <summary>The images of a folder and of all folders below it.</summary>
public sealed class FolderSource : ImageSource
{
    // Hidden files are listed too: nothing is left out in silence.
    private static readonly EnumerationOptions Everything = new()
    {
        RecurseSubdirectories = true,
        AttributesToSkip = FileAttributes.None,
        IgnoreInaccessible = false,
        MaxRecursionDepth = 32, // ends a circle of links
    };

    private readonly string _folder;

    /// <summary>Lists the folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="DataFormatException">It is missing, cannot be read or holds no image; or its <c>dataset.json</c> is wrong.</exception>
    public FolderSource(string folder)
        : base(folder)
    {
        _folder = Path.GetFullPath(folder);
        Index(List(folder));
    }

    private string[] List(string folder)
    {
        try
        {
            return
            [
                .. Directory
                    .EnumerateFiles(_folder, "*", Everything)
                    .Select(file => Path.GetRelativePath(_folder, file).Replace(Path.DirectorySeparatorChar, '/')),
            ];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFormatException($"{folder}: cannot be listed ({e.Message.TrimEnd('.')})", e);
        }
    }

    private protected override byte[] ReadFile(string name)
    {
        try
        {
            return File.ReadAllBytes(Path.Combine(_folder, name));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFormatException($"{Description}: {name}: cannot be read ({e.Message.TrimEnd('.')})", e);
        }
    }

    private protected override long LengthOf(string name)
    {
        try
        {
            return new FileInfo(Path.Combine(_folder, name)).Length;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFormatException($"{Description}: {name}: cannot be read ({e.Message.TrimEnd('.')})", e);
        }
    }
}

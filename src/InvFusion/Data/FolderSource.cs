namespace InvFusion.Data;

/// <summary>The images of a folder and of all folders below it.</summary>
public sealed class FolderSource : ImageSource
{
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

    // Hidden files are listed too: nothing is left out in silence.
    private IReadOnlyList<string> List(string folder)
    {
        try
        {
            return FolderFiles.List(_folder);
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
            throw Unreadable(name, e);
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
            throw Unreadable(name, e);
        }
    }
}

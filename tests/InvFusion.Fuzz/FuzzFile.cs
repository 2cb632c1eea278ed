namespace InvFusion.Fuzz;

/// <summary>The content that is read, on the disk where a reader wants a path.</summary>
/// <param name="Content">The bytes.</param>
/// <param name="Folder">A folder of this thread.</param>
internal sealed record FuzzFile(byte[] Content, string Folder)
{
    /// <summary>Writes the content under a name.</summary>
    public string Write(string name)
    {
        var path = Path.Combine(Folder, name);
        File.WriteAllBytes(path, Content);
        return path;
    }
}

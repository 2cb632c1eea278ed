namespace InvFusion.Formats.Tests;

/// <summary>A folder of one test, gone with it.</summary>
public sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("invfusion-formats-");

    public string File(string name) => Path.Combine(_folder.FullName, name);

    public string Write(string name, byte[] content)
    {
        System.IO.File.Delete(File(name)); // a file cut to nothing and written anew waits for the disk, a new one does not
        using (var stream = new FileStream(File(name), FileMode.CreateNew))
            stream.Write(content);
        return File(name);
    }

    public string[] Files => [.. _folder.EnumerateFiles().Select(f => f.Name).Order()];

    public void Dispose() => _folder.Delete(recursive: true);
}

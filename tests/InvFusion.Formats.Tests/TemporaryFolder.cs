namespace InvFusion.Formats.Tests;

/// <summary>A folder of one test, gone with it.</summary>
public sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("invfusion-formats-");

    public string File(string name) => Path.Combine(_folder.FullName, name);

    public string Write(string name, byte[] content)
    {
        System.IO.File.Delete(File(name)); // ext4 waits for the disk when a file is cut and written anew, not when it is new
        System.IO.File.WriteAllBytes(File(name), content);
        return File(name);
    }

    public string[] Files => [.. _folder.EnumerateFiles().Select(f => f.Name).Order()];

    public void Dispose() => _folder.Delete(recursive: true);
}

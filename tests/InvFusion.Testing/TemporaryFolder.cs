namespace InvFusion.Testing;

/// <summary>A folder that goes with its test.</summary>
public sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("invfusion-test-");

    /// <summary>The folder.</summary>
    public string Root => _folder.FullName;

    /// <summary>A path inside the folder.</summary>
    public string this[string name] => Path.Combine(Root, name);

    /// <inheritdoc/>
    public void Dispose() => _folder.Delete(recursive: true);
}

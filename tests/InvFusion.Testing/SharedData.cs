namespace InvFusion.Testing;

/// <summary>Data that is not in the repository: in the folder of INVFUSION_SHARED, else in <c>../shared/data</c> beside the checkout. Tests without it are skipped.</summary>
public static class SharedData
{
    private const string Variable = "INVFUSION_SHARED";

    /// <summary>The path of a file or folder, or null where it is not here.</summary>
    public static string? Find(string name)
    {
        var folder = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } own
            ? own
            : Path.GetFullPath(Path.Combine(Goldens.RepositoryRoot, "..", "shared", "data"));
        var path = Path.Combine(folder, name);
        return Path.Exists(path) ? path : null;
    }
}

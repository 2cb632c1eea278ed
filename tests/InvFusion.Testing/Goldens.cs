namespace InvFusion.Testing;

/// <summary>Where the vectors are: the whole set beside the repository where it is there, else the selection inside it.</summary>
public static class Goldens
{
    /// <summary>The repository's root folder.</summary>
    public static string RepositoryRoot { get; } = FindRoot();

    /// <summary>The compact selection that travels with the repository.</summary>
    public static string Selection { get; } = Path.Combine(RepositoryRoot, "tests", "data", "golden");

    /// <summary>The whole set, or null where it is not beside the repository.</summary>
    public static string? Whole { get; } = FindWhole();

    /// <summary>The set that the tests run: the whole one where it is there.</summary>
    public static string Folder => Whole ?? Selection;

    private static string? FindWhole()
    {
        var path = Path.GetFullPath(Path.Combine(RepositoryRoot, "..", "shared", "golden"));
        return File.Exists(Path.Combine(path, "index.json")) ? path : null;
    }

    private static string FindRoot()
    {
        for (var d = new DirectoryInfo(AppContext.BaseDirectory); d is not null; d = d.Parent)
            if (File.Exists(Path.Combine(d.FullName, "InvFusion.slnx")))
                return d.FullName;
        throw new InvalidOperationException("the tests run outside the repository");
    }
}

namespace InvFusion.Runtime;

/// <summary>The user's folder for what can be had again: published weights, and copies of libraries.</summary>
internal static class UserCache
{
    private const string Variable = "INVFUSION_CACHE";

    /// <summary>That of this process.</summary>
    public static string Folder() => Folder(Environment.GetEnvironmentVariable);

    /// <summary>INVFUSION_CACHE; else invfusion in XDG_CACHE_HOME, in ~/.cache, or on Windows in the local application data.</summary>
    public static string Folder(Func<string, string?> environment)
    {
        if (environment(Variable) is { Length: > 0 } own)
            return own;
        if (environment("XDG_CACHE_HOME") is { Length: > 0 } cache)
            return Path.Combine(cache, "invfusion");
        return OperatingSystem.IsWindows()
            ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "invfusion", "cache")
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "invfusion");
    }
}

using InvFusion.Formats.Safetensors;
using InvFusion.Models;

namespace InvFusion.Cli.Commands;

/// <summary>Finds trained models by name: those that are shipped lie in <c>models/</c> beside the program.</summary>
internal static class ModelCatalog
{
    private const string Extension = ".safetensors";

    /// <summary>The shipped model that is used when none is named.</summary>
    public const string Default = "faces64";

    private static string Folder => Path.Combine(AppContext.BaseDirectory, "models");

    /// <summary>The file of a name or path.</summary>
    /// <exception cref="DataFormatException">There is none; the message lists the names.</exception>
    public static string Resolve(string nameOrFile, string option = "--model")
    {
        if (File.Exists(nameOrFile))
            return nameOrFile;
        var shipped = Path.Combine(Folder, nameOrFile + Extension);
        if (File.Exists(shipped))
            return shipped;
        if (Directory.Exists(nameOrFile))
            throw new DataFormatException($"{option} {nameOrFile}: is a folder; name a {Extension} file");
        string[] files = Directory.Exists(Folder) ? Directory.GetFiles(Folder, "*" + Extension) : [];
        var names = string.Join(
            ", ",
            files.Where(IsNetwork).Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)
        );
        throw new DataFormatException(
            $"{option} {nameOrFile}: neither a file nor a shipped model ({(names.Length > 0 ? names : "none is here")})"
        );
    }

    // A feature network of the metrics lies in the same folder.
    private static bool IsNetwork(string file)
    {
        using var content = SafetensorsFile.Open(file);
        return content.Metadata.ContainsKey(NetworkFile.ConfigurationKey);
    }
}

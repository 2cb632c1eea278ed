using InvFusion.Formats.TensorFlow;

namespace InvFusion.Metrics.Weights;

/// <summary>The files of the face network: a manifest and the weights beside it. Either names the other.</summary>
public static class FaceWeights
{
    /// <summary>All files of the network, the manifest first.</summary>
    /// <param name="named">The manifest, a file of weights, or both.</param>
    /// <exception cref="DataFormatException">The other part is not beside them, or the manifest cannot be read; the message names it.</exception>
    public static IReadOnlyList<string> Files(IReadOnlyList<string> named)
    {
        ArgumentNullException.ThrowIfNull(named);
        var manifest = named.FirstOrDefault(IsManifest) ?? ManifestOf(named[0]);
        return [manifest, .. ManifestFile.FilesOf(manifest)];
    }

    private static string ManifestOf(string weights)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(weights))!;
        var manifests = Directory.GetFiles(folder, $"*{ManifestFile.Suffix}").Order(StringComparer.Ordinal);
        return manifests.FirstOrDefault(m => ManifestFile.FilesOf(m).Contains(Path.GetFullPath(weights)))
            ?? throw new DataFormatException(
                $"{weights}: no *{ManifestFile.Suffix} beside it names this file, and it cannot be read without; put the network's manifest there"
            );
    }

    private static bool IsManifest(string path) => path.EndsWith(ManifestFile.Suffix, StringComparison.OrdinalIgnoreCase);
}

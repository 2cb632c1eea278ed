using System.Text.Json;
using InvFusion.Formats.IO;

namespace InvFusion.Data;

/// <summary>What a result was made of: the images, and the files beside them. To be saved beside it.</summary>
public sealed record ResultManifest
{
    /// <summary>Models, reference statistics and weights of feature networks.</summary>
    public required UsedFile[] Files { get; init; }

    /// <summary>The images; null where none were read.</summary>
    public required Manifest? Images { get; init; }

    /// <summary>The manifest as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, DataJson.Default.ResultManifest);

    /// <summary>Writes it atomically, as JSON.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFormatException">The file cannot be written.</exception>
    public void Save(string path) => AtomicFile.WriteAllText(path, ToJson() + "\n");

    /// <summary>Reads a manifest.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFormatException">It is missing or no manifest of a result.</exception>
    public static ResultManifest Load(string path) => DataJson.Read(path, DataJson.Default.ResultManifest, "manifest of a result");
}

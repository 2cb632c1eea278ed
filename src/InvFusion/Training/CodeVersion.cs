using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using InvFusion.Formats.IO;
using TorchSharp;

namespace InvFusion.Training;

/// <summary><c>versions.jsonl</c> of a run folder: one line per start, with what computes from that image on.</summary>
internal static class CodeVersion
{
    /// <summary>The library's version with the commit that it was built from.</summary>
    public static string Library { get; } =
        typeof(CodeVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>Adds a line.</summary>
    /// <param name="folder">The run folder.</param>
    /// <param name="images">Images seen at the start.</param>
    /// <param name="device">Where it trains.</param>
    public static void Append(string folder, long images, string device)
    {
        var line = new JsonObject
        {
            ["images"] = images,
            ["time"] = DateTime.UtcNow.ToString("s", CultureInfo.InvariantCulture) + "Z",
            ["invfusion"] = Library,
            ["torchSharp"] = typeof(torch).Assembly.GetName().Version?.ToString(),
            ["runtime"] = RuntimeInformation.FrameworkDescription,
            ["system"] = RuntimeInformation.RuntimeIdentifier,
            ["device"] = device,
            ["threads"] = torch.get_num_threads(),
        };
        LineFile.Append(Path.Combine(folder, "versions.jsonl"), line.ToJsonString());
    }
}

using System.Text.Json.Nodes;
using InvFusion.Formats.Safetensors;
using InvFusion.Models;

namespace InvFusion.Cli.Rendering;

/// <summary>What <c>model info</c> says about a network file.</summary>
internal static class ModelDescription
{
    public static IEnumerable<string> Lines(string path, SafetensorsFile file, NetworkConfiguration network)
    {
        yield return $"{path}: {network.Kind}, {network.Channels}×{network.Resolution}×{network.Resolution}, patch {network.Patch}";
        yield return $"{Numbers(file):N0} numbers in {file.Tensors.Count} tensors";
        yield return $"{NetworkCost.Of(network).MultiplyAdds / 1e9:F2} G multiply-adds for an evaluation of one image";
        for (var i = 0; i < network.Levels.Count; i++)
        {
            var level = network.Levels[i];
            var attention = level.Kernel == 0 ? "global" : $"neighborhood {level.Kernel}";
            var joint = level.Joint && network.Kind == NetworkKind.InvFusion ? ", joint" : "";
            yield return $"level {i}: width {level.Width}, depth {level.Depth}, {attention}{joint}";
        }
        foreach (var schedule in NetworkFile.ReadSchedules(file, path).All)
            yield return FormattableString.Invariant($"schedule of {schedule.Values.Count} steps: {schedule}");
        foreach (var (key, value) in Notes(file))
            yield return $"{key}: {value}";
    }

    public static JsonObject Json(string path, SafetensorsFile file, NetworkConfiguration network) =>
        new()
        {
            ["file"] = path,
            ["network"] = JsonNode.Parse(network.ToJson()),
            ["numbers"] = Numbers(file),
            ["tensors"] = file.Tensors.Count,
            ["multiplyAdds"] = NetworkCost.Of(network).MultiplyAdds,
            ["schedules"] = JsonNode.Parse(NetworkFile.ReadSchedules(file, path).ToJson()),
            ["metadata"] = new JsonObject(Notes(file).Select(n => KeyValuePair.Create(n.Key, (JsonNode?)n.Value))),
        };

    private static long Numbers(SafetensorsFile file) => file.Tensors.Values.Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b));

    private static IEnumerable<KeyValuePair<string, string>> Notes(SafetensorsFile file) =>
        file
            .Metadata.Where(m => m.Key is not (NetworkFile.ConfigurationKey or NetworkFile.SchedulesKey))
            .OrderBy(m => m.Key, StringComparer.Ordinal);
}

using System.Globalization;

namespace InvFusion.Metrics.Features;

/// <summary>The names under which the weights of LPIPS are published: the trunk by torchvision, the weightings by the authors.</summary>
internal static class LpipsNames
{
    private const string Torchvision = "features.";

    // Parts of the files that the distance does not need: the classifier of the trunk, the module's own copies and constants.
    private static readonly string[] Unused = ["classifier.", "lins.", "scaling_layer."];

    public static WeightLayout Layout(LpipsLayout layout) => new(name => NameOf(layout, name), _ => null);

    private static string? NameOf(LpipsLayout layout, string name)
    {
        if (Unused.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal)))
            return null;
        if (!name.StartsWith(Torchvision, StringComparison.Ordinal))
            return name;
        var parts = name.Split('.'); // features.N.weight
        return
            parts.Length == 3
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var index)
            && layout.SliceOf(index) is { } slice
            ? $"net.slice{slice}.{parts[1]}.{parts[2]}"
            : name;
    }
}

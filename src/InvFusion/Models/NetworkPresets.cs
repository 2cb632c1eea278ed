namespace InvFusion.Models;

/// <summary>The named network configurations.</summary>
public static class NetworkPresets
{
    /// <summary>Presets by name: the paper's (spec 01, section 8) and the small ones that a CPU can train.</summary>
    public static IReadOnlyDictionary<string, NetworkConfiguration> All { get; } =
        new Dictionary<string, NetworkConfiguration>(StringComparer.OrdinalIgnoreCase)
        {
            ["ffhq64"] = Full64(classes: 0),
            ["imagenet64"] = Full64(classes: 1000),
            ["ffhq256"] = Full256(classes: 0),
            ["imagenet256"] = Full256(classes: 1000),
            ["small64"] = Small(resolution: 64, patch: 4, [192, 384, 768], [2, 2, 4]),
            ["small64p2"] = Small(resolution: 64, patch: 2, [96, 192, 384], [2, 2, 4]),
            ["small32"] = Small(resolution: 32, patch: 2, [192, 384, 576], [2, 2, 4]),
            ["tiny32"] = Small(resolution: 32, patch: 2, [48, 96, 192], [1, 1, 2]),
        };

    /// <summary>A preset, changed to another kind where asked.</summary>
    /// <exception cref="ConfigurationException">There is no preset of that name.</exception>
    public static NetworkConfiguration Get(string name, NetworkKind kind = NetworkKind.InvFusion) =>
        All.TryGetValue(name, out var preset)
            ? preset with
            {
                Kind = kind,
            }
            : throw new ConfigurationException($"--preset {name}: unknown; use one of {string.Join(", ", All.Keys)}, or --network FILE");

    private static NetworkConfiguration Full64(int classes) =>
        new()
        {
            Resolution = 64,
            Patch = 2,
            Classes = classes,
            Levels =
            [
                new()
                {
                    Width = 384,
                    Depth = 2,
                    Kernel = 7,
                },
                new()
                {
                    Width = 768,
                    Depth = 2,
                    Kernel = 7,
                },
                new() { Width = 1536, Depth = 8 },
            ],
        };

    private static NetworkConfiguration Full256(int classes) =>
        new()
        {
            Resolution = 256,
            Patch = 4,
            Classes = classes,
            Levels =
            [
                new()
                {
                    Width = 192,
                    Depth = 2,
                    Kernel = 5,
                },
                new()
                {
                    Width = 384,
                    Depth = 2,
                    Kernel = 7,
                },
                new() { Width = 768, Depth = 4 },
                new()
                {
                    Width = 1536,
                    Depth = 2,
                    Joint = false,
                },
            ],
        };

    // At most 256 tokens at the first level: there global attention costs no more than windows.
    private static NetworkConfiguration Small(int resolution, int patch, int[] widths, int[] depths) =>
        new()
        {
            Resolution = resolution,
            Patch = patch,
            MappingWidth = 192,
            Dropout = 0,
            Levels =
            [
                .. widths.Select(
                    (width, i) =>
                        new LevelConfiguration
                        {
                            Width = width,
                            Depth = depths[i],
                            HeadWidth =
                                width % 64 == 0 ? 64
                                : width % 48 == 0 ? 48
                                : 32,
                            Kernel = resolution / patch > 16 && i == 0 ? 7 : 0,
                        }
                ),
            ],
        };
}

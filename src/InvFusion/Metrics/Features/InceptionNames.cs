namespace InvFusion.Metrics.Features;

/// <summary>The names under which the Inception network's weights are published.</summary>
internal static class InceptionNames
{
    private const string ArchivePrefix = "layers.";
    private const string BatchCount = ".num_batches_tracked"; // of training; may be in a file or not

    // The archive calls things as the TensorFlow graph did. A branch is a tower, its convolutions are numbered from none.
    private static readonly Dictionary<string, string> Stems = new()
    {
        ["conv"] = "Conv2d_1a_3x3",
        ["conv_1"] = "Conv2d_2a_3x3",
        ["conv_2"] = "Conv2d_2b_3x3",
        ["conv_3"] = "Conv2d_3b_1x1",
        ["conv_4"] = "Conv2d_4a_3x3",
    };

    private static readonly string[] Blocks = ["5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"]; // mixed, mixed_1 … mixed_10

    /// <summary>State dicts of pytorch-fid and torch-fidelity have this network's names; the TorchScript archive has its own, and no factor γ in its norms.</summary>
    public static WeightLayout Layout(IEnumerable<string> names) =>
        names.Any(n => n.StartsWith(ArchivePrefix, StringComparison.Ordinal))
            ? new(FromArchive, name => name.EndsWith(".bn.weight", StringComparison.Ordinal) ? 1 : Count(name))
            : new(name => name.EndsWith(BatchCount, StringComparison.Ordinal) ? null : name, Count);

    private static double? Count(string name) => name.EndsWith(BatchCount, StringComparison.Ordinal) ? 0 : null;

    private static string? FromArchive(string name)
    {
        if (name.StartsWith("output.", StringComparison.Ordinal))
            return $"fc.{name["output.".Length..]}";
        string[] parts = name.Split('.');
        var tensor = parts[^1] switch
        {
            "weight" => "conv.weight",
            "beta" => "bn.bias",
            "mean" => "bn.running_mean",
            "var" => "bn.running_var",
            _ => parts[^1],
        };
        if (parts.Length < 3)
            return name;
        if (Stems.TryGetValue(parts[1], out var stem))
            return $"{stem}.{tensor}";
        var number =
            parts[1] == "mixed" ? 0
            : int.TryParse(parts[1].Replace("mixed_", "", StringComparison.Ordinal), out var n) ? n
            : -1;
        if (number < 0 || number >= Blocks.Length || Layer(Blocks[number], string.Join('_', parts[2..^1])) is not { } layer)
            return name; // unknown, and refused as such
        return $"Mixed_{Blocks[number]}.{layer}.{tensor}";
    }

    private static string? Layer(string block, string name)
    {
        var (tower, convolution) =
            name.StartsWith("tower_1", StringComparison.Ordinal) ? (1, Rest(name, "tower_1"))
            : name.StartsWith("tower_2", StringComparison.Ordinal) ? (2, Rest(name, "tower_2"))
            : name.StartsWith("tower", StringComparison.Ordinal) ? (0, Rest(name, "tower"))
            : (-1, name);
        var ends = convolution.StartsWith("mixed_", StringComparison.Ordinal);
        var place = (ends ? convolution["mixed_".Length..] : convolution) switch
        {
            "conv" => 1,
            ['c', 'o', 'n', 'v', '_', var digit] when char.IsAsciiDigit(digit) => digit - '0' + 1,
            _ => 0,
        };
        if (place == 0)
            return null;
        return (block, tower) switch
        {
            ("6a", -1) => "branch3x3",
            (_, -1) => "branch1x1",
            (_, 2) => "branch_pool",
            ("5b" or "5c" or "5d", 0) => $"branch5x5_{place}",
            ("5b" or "5c" or "5d", 1) or ("6a", 0) => $"branch3x3dbl_{place}",
            ("6b" or "6c" or "6d" or "6e", 0) => $"branch7x7_{place}",
            ("6b" or "6c" or "6d" or "6e", 1) => $"branch7x7dbl_{place}",
            ("7a", 0) => $"branch3x3_{place}",
            ("7a", 1) => $"branch7x7x3_{place}",
            ("7b" or "7c", 0) => ends ? $"branch3x3_2{End(place)}" : $"branch3x3_{place}",
            ("7b" or "7c", 1) => ends ? $"branch3x3dbl_3{End(place)}" : $"branch3x3dbl_{place}",
            _ => null,
        };
    }

    private static char End(int place) => (char)('a' + place - 1);

    private static string Rest(string name, string tower) => name.Length > tower.Length ? name[(tower.Length + 1)..] : "";
}

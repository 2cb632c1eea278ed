using System.Globalization;
using InvFusion.Degradations;
using static TorchSharp.torch;

namespace InvFusion.Models;

/// <summary>
/// What a network was trained with, as its file says: degradations, noise and loss. What is asked of it is compared with that, since outside of it a network guesses, and
/// often worse than methods that need no training.
/// </summary>
public sealed record TrainedWith
{
    private const string Mmse = "Mmse";
    private const string Nppc = "Nppc";

    // Of σ_y: what lies so near to the range is inside of it. A picture of 8 bits has a rounding error of 0.0023.
    private const double Near = 0.003;

    // Part of neighbouring pixels of which one is seen, of masks that count as patches and holes.
    private const double MostEdges = 0.2;

    // What else a family of training has shown the network, beside what it is named after: a kernel is a kernel wherever it comes from.
    private static readonly Dictionary<string, string[]> Covers = new()
    {
        ["mask"] = ["patches", "missing-box", "box", "pixels", "rows"],
        ["kernel"] = ["motion", "gaussian", "disk"],
        ["blur"] = ["motion", "gaussian", "disk"],
        ["gaussian"] = ["motion"],
        ["disk"] = ["motion"],
        ["random-matrix"] = ["matrix"],
    };

    /// <summary>A file that does not say.</summary>
    public static TrainedWith Unknown { get; } = new();

    /// <summary>The degradations, as the options of the training name them; null where the file does not say.</summary>
    public IReadOnlyList<string>? Degradations { get; init; }

    /// <summary>Lowest and highest σ_y, in units of images in [-1, 1]; null where the file does not say.</summary>
    public (double Low, double High)? Noise { get; init; }

    /// <summary>The one method that the network is for: mmse or nppc, whose losses train it at one noise level; null for one that serves samplers.</summary>
    public string? OnlyMethod { get; init; }

    /// <summary>Whether the unconditional side of a conditional network is a trained prior, or may be, where the file does not say.</summary>
    public bool HasPrior => OnlyMethod is null && (Degradations is null || Families().Contains("none"));

    /// <summary>Reads what <see cref="NetworkFile"/> wrote; of files from before it noted the noise, that which the network could be told.</summary>
    /// <param name="metadata">The file's metadata.</param>
    /// <param name="network">Its configuration.</param>
    /// <param name="source">Named in errors.</param>
    /// <exception cref="DataFormatException">The noise is not two numbers.</exception>
    public static TrainedWith Read(IReadOnlyDictionary<string, string> metadata, NetworkConfiguration network, string source)
    {
        var degradations = metadata.GetValueOrDefault(NetworkFile.DegradationsKey);
        var loss = metadata.GetValueOrDefault(NetworkFile.LossKey);
        return new()
        {
            Degradations = degradations is null ? null : Split(degradations),
            Noise =
                metadata.TryGetValue(NetworkFile.NoiseKey, out var range) ? Range(range)
                // Trained by this program, and there was no noise unless the network was told of it.
                : degradations is not null && !network.NoiseConditioning ? (0, 0)
                : null,
            OnlyMethod =
                network.Directions > 0 || loss == Nppc ? "nppc"
                : loss == Mmse ? "mmse"
                : null,
        };

        (double, double) Range(string text)
        {
            var ends = text.Split(',');
            return
                ends.Length == 2
                && double.TryParse(ends[0], NumberStyles.Float, CultureInfo.InvariantCulture, out var low)
                && double.TryParse(ends[1], NumberStyles.Float, CultureInfo.InvariantCulture, out var high)
                && low >= 0
                && high >= low
                ? (low, high)
                : throw new DataFormatException($"{source}: {NetworkFile.NoiseKey} is '{text}', not the lowest and highest σ_y");
        }
    }

    /// <summary>The noise as <see cref="Read"/> takes it.</summary>
    public static string NoiseText(double low, double high) => string.Create(CultureInfo.InvariantCulture, $"{low},{high}");

    /// <summary>What of a restoration the network was not trained with, in a few words; null where it was, or where that is not known.</summary>
    /// <param name="degradation">The degradation.</param>
    /// <param name="sigmaY">σ_y.</param>
    /// <param name="image">Shape of the images, to look at masks: single pixels and holes are two problems. Null takes a mask as it is named.</param>
    /// <exception cref="ConfigurationException">A mask does not fit the image.</exception>
    /// <exception cref="DataFormatException">The file of a mask cannot be used.</exception>
    public string? Outside(DegradationSpec degradation, double sigmaY, ImageShape? image = null)
    {
        ArgumentNullException.ThrowIfNull(degradation);
        var unknown = Degradations is not null && !Knows(degradation, image);
        var noisy = Noise is { } n && (sigmaY < n.Low - Near || sigmaY > n.High + Near);
        FormattableString? problem =
            unknown && noisy ? $"'{degradation.Text}' with σ_y {sigmaY} (trained: {Named}, σ_y {NoiseNamed})"
            : unknown ? (FormattableString)$"'{degradation.Text}' (trained: {Named})"
            : noisy ? (FormattableString)$"σ_y {sigmaY} (trained: {NoiseNamed})"
            : null;
        return problem is null ? null : FormattableString.Invariant(problem);
    }

    private string Named => string.Join(", ", Degradations!.Distinct());

    private string NoiseNamed =>
        Noise is var (low, high) && low < high ? string.Create(CultureInfo.InvariantCulture, $"{low} to {high}")
        : Noise is var (one, _) ? one.ToString(CultureInfo.InvariantCulture)
        : "unknown";

    // The very text, or one degradation of a family that was drawn. What was trained by itself in a chain was not trained as that chain.
    private bool Knows(DegradationSpec degradation, ImageShape? image)
    {
        if (Degradations!.Contains(degradation.Text))
            return true;
        if (degradation.Names is not [var name])
            return false;
        var families = Families();
        if (name == "random")
            return DegradationFamilies.Default().Members.All(m => families.Contains(m.Name));
        if (name is "mask" or "patches" && !families.Contains("pixels") && image is { } shape && IsScattered(degradation, shape))
            return false;
        return families.Contains(name) || (Covers.TryGetValue(name, out var others) && others.Any(families.Contains));
    }

    // Whether what is missing lies beside what is seen almost everywhere. Patches as the family draws them have 0.18 at most, a random half of all pixels 0.5.
    private static bool IsScattered(DegradationSpec degradation, ImageShape image)
    {
        using var scope = NewDisposeScope();
        using var op = degradation.Build(image);
        var seen = op.Picture()!;
        var across = (seen.narrow(-1, 1, image.Width - 1) - seen.narrow(-1, 0, image.Width - 1)).abs().mean();
        var down = (seen.narrow(-2, 1, image.Height - 1) - seen.narrow(-2, 0, image.Height - 1)).abs().mean();
        return (across + down).item<float>() / 2 > MostEdges;
    }

    // The table's names of the single degradations among them; random is those that it mixes.
    private HashSet<string> Families()
    {
        var found = new HashSet<string>();
        foreach (var text in Degradations!.Where(d => !d.Contains('+', StringComparison.Ordinal)))
        {
            var name = text.Split(':')[0];
            var family = DegradationFamilies.Resolve(name) ?? name;
            found.UnionWith(family == "random" ? DegradationFamilies.Default().Members.Select(m => m.Name) : [family]);
        }
        return found;
    }

    // At commas that a degradation follows: its own arguments hold commas too.
    private static List<string> Split(string text)
    {
        var parts = new List<string>();
        foreach (var piece in text.Split(','))
            if (parts.Count > 0 && !DegradationSpec.Knows(piece.Split(':', '+')[0]))
                parts[^1] += "," + piece;
            else
                parts.Add(piece);
        return parts;
    }
}

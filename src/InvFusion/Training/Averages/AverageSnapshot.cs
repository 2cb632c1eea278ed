using System.Globalization;
using System.Text.RegularExpressions;
using InvFusion.Formats.Safetensors;

namespace InvFusion.Training.Averages;

/// <summary>A stored power-function average of a run folder: a network file whose name says what it is.</summary>
/// <param name="Path">The file.</param>
/// <param name="Profile">Where the average ends and how wide it is.</param>
public sealed partial record AverageSnapshot(string Path, AverageProfile Profile)
{
    private const string StdKey = "invfusion.emaStd";
    private const string ImagesKey = "invfusion.images";

    /// <summary>The snapshots of a run folder, oldest first.</summary>
    public static IReadOnlyList<AverageSnapshot> Find(string folder) =>
        Directory.Exists(folder)
            ?
            [
                .. from path in Directory.GetFiles(folder, "ema-*.safetensors").Order(StringComparer.Ordinal)
                let match = Name().Match(System.IO.Path.GetFileName(path))
                where match.Success
                select new AverageSnapshot(path, new(Number(match.Groups[1].Value), Number(match.Groups[2].Value))),
            ]
            : [];

    /// <summary>The file of an average, for example <c>ema-000000065536-std0.05.safetensors</c>.</summary>
    public static string PathOf(string folder, long images, double std) =>
        System.IO.Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"ema-{images:D12}-std{std:R}.safetensors"));

    /// <summary>Deletes the snapshots after the state that a run resumes from: it will write them again.</summary>
    public static void DropAfter(string folder, long images)
    {
        foreach (var snapshot in Find(folder).Where(s => s.Profile.Images > images))
            File.Delete(snapshot.Path);
    }

    /// <summary>What a file says about its average; the rest comes from another snapshot of the run, if there is one.</summary>
    internal static Dictionary<string, string> Metadata(AverageProfile profile, AverageSnapshot? other = null)
    {
        var metadata = new Dictionary<string, string>();
        if (other is not null)
        {
            using var file = SafetensorsFile.Open(other.Path);
            metadata = new(file.Metadata);
        }
        metadata[StdKey] = profile.Std.ToString("R", CultureInfo.InvariantCulture);
        metadata[ImagesKey] = profile.Images.ToString("F0", CultureInfo.InvariantCulture);
        return metadata;
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^ema-(\d{12,})-std([0-9.E-]+)\.safetensors$")]
    private static partial Regex Name();
}

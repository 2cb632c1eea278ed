using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using InvFusion.Distributed;
using InvFusion.Formats.IO;
using InvFusion.Formats.Numpy;
using InvFusion.Metrics.Scores;

namespace InvFusion.Metrics.Runs;

/// <summary>
/// The finished batches of an evaluation on the disk, each a file that is written as a whole: <c>batches/NNNNNNNN.npz</c> by the number of its first image, beside
/// <c>evaluation.json</c>, which says what they are of.
/// </summary>
internal sealed class BatchStore
{
    private const string SettingsFile = "evaluation.json";

    // Of the settings, in each batch: without evaluation.json nothing else would say whose it is.
    private const string OwnerEntry = "owner";

    private readonly string _folder;
    private readonly MetricPlan _plan;
    private readonly string _owner;

    private BatchStore(string folder, MetricPlan plan, string owner) => (_folder, _plan, _owner) = (folder, plan, owner);

    /// <summary>Opens the folder of a run, or begins one there.</summary>
    /// <exception cref="ConfigurationException">The folder holds batches of another evaluation; the message says what differs.</exception>
    public static BatchStore Open(string folder, MetricPlan plan, JsonObject settings, ICollective ranks)
    {
        var text = settings.ToJsonString(new() { WriteIndented = true });
        // Rank 0 looks for all: it may be about to write the file.
        var owner = ranks.Text(() => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))));
        var batches = Path.Combine(folder, "batches");
        var problem = ranks.Text(() => Claim(Path.Combine(folder, SettingsFile), text) ?? Foreign(folder, batches, owner) ?? "");
        if (problem.Length > 0)
            throw new ConfigurationException(problem);
        if (ranks.IsFirst())
            AtomicFile.WriteAllText(Path.Combine(folder, SettingsFile), text);
        return new(batches, plan, owner);
    }

    /// <summary>Whether a batch is there.</summary>
    public bool Has(int first) => File.Exists(PathOf(first));

    public BatchScores Load(int first)
    {
        var path = PathOf(first);
        using var file = Npz.Read(path);
        if (OwnerOf(file) is { } owner && owner != _owner)
            throw new ConfigurationException(
                $"{path}: is of another evaluation, which was started in the same folder; use another --outdir"
            );
        try
        {
            return new BatchScores
            {
                Images = [.. file.Read("images").ToDoubles().Select(i => (int)i)],
                Scores = file.Read("scores").ToDoubles(),
                Features = _plan.FeatureKeys.ToDictionary(key => key, key => file.Read(key.Text).ToSingles()),
                Failures = JsonSerializer.Deserialize(file.Read("failures").Data, RunJson.Default.StringArray) ?? [],
            };
        }
        catch (Exception e) when (e is DataFormatException or JsonException)
        {
            throw new DataFormatException($"{path}: is no batch of this evaluation; delete it, and it is made again", e);
        }
    }

    public void Save(int first, BatchScores batch)
    {
        var rows = batch.Images.Length;
        var failures = JsonSerializer.SerializeToUtf8Bytes(batch.Failures, RunJson.Default.StringArray);
        Npz.Write(
            PathOf(first),
            [
                new("images", NpyArray.FromInt64([.. batch.Images.Select(i => (long)i)], rows)),
                new("scores", NpyArray.FromDoubles(batch.Scores, rows, 2 * _plan.ImageMetrics.Count)),
                new("failures", NpyArray.FromBytes(failures, failures.Length)),
                new(OwnerEntry, NpyArray.FromBytes(Encoding.ASCII.GetBytes(_owner), _owner.Length)),
                .. batch.Features.Select(f =>
                    KeyValuePair.Create(f.Key.Text, NpyArray.FromSingles(f.Value, rows, rows == 0 ? 0 : f.Value.Length / rows))
                ),
            ]
        );
    }

    private string PathOf(int first) => Path.Combine(_folder, $"{first:00000000}.npz");

    // What is wrong with the folder, or null.
    private static string? Claim(string path, string text)
    {
        if (!File.Exists(path))
            return null;
        var old = File.ReadAllText(path);
        if (old == text)
            return null;
        return $"{path}: is of another evaluation ({Difference(old, text)}); use another --outdir, or delete the folder to begin anew";
    }

    // Batches that say of another evaluation that they are its, or without evaluation.json nothing. Null where there are none.
    private static string? Foreign(string folder, string batches, string owner)
    {
        if (!Directory.Exists(batches))
            return null;
        var owned = File.Exists(Path.Combine(folder, SettingsFile)); // the batches of earlier versions do not say whose they are
        foreach (var path in Directory.EnumerateFiles(batches, "*.npz"))
        {
            using var file = Npz.Read(path);
            if (OwnerOf(file) is var found && found != owner && !(found is null && owned))
                return $"{path}: is of {(found is null ? "an unknown" : "another")} evaluation; use another --outdir, or delete {batches} to restart";
        }
        return null;
    }

    private static string? OwnerOf(NpzFile file) =>
        file.Names.Contains(OwnerEntry) ? Encoding.ASCII.GetString(file.Read(OwnerEntry).Data) : null;

    private static string Difference(string before, string after)
    {
        try
        {
            JsonObject a = JsonNode.Parse(before)!.AsObject(),
                b = JsonNode.Parse(after)!.AsObject();
            var names = a.Select(p => p.Key).Union(b.Select(p => p.Key));
            var differing = names.Where(n => !JsonNode.DeepEquals(a[n], b[n])).ToArray();
            return $"it differs in {string.Join(", ", differing)}";
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return "it cannot be read";
        }
    }
}

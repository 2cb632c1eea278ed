using System.CommandLine;
using System.Text.Json.Nodes;
using InvFusion.Cli.Rendering;
using InvFusion.Metrics.Weights;

namespace InvFusion.Cli.Commands;

/// <summary><c>fetch-weights</c>: downloads published weights into the cache; an interrupted download goes on where it was.</summary>
internal static class FetchWeightsCommand
{
    public static Command Create()
    {
        var options = new SharedOptions();
        var name = new Argument<string>("name") { Description = $"Which: {string.Join(", ", PublishedWeights.All.Select(w => w.Name))}" };
        var hash = new Option<string?>("--sha256")
        {
            Description = "The hash that the file must have, instead of the one that is known; only of a single file",
        };
        var url = new Option<string?>("--url") { Description = "Another place to fetch from: the files' names are put behind it" };
        var command = new Command(
            "fetch-weights",
            "Downloads a feature network's published weights, goes on after a cut, checks their SHA-256"
        )
        {
            name,
            hash,
            url,
        };
        options.AddOutput(command);
        command.Add(options.Json);
        command.SetAction(
            async (parsed, cancellation) =>
            {
                var weights = PublishedWeights.Find(parsed.GetValue(name)!);
                var wanted = Hash(parsed.GetValue(hash), weights);
                var mirror = Mirror(parsed.GetValue(url));
                var reporter = new Reporter(parsed.GetValue(options.Quiet));
                var cache = new WeightCache([]);
                reporter.Line($"{weights.Name}: {weights.Licence}");
                using var client = WeightDownload.CreateClient();
                var files = new JsonArray();
                foreach (var file in weights.Files)
                    files.Add(await Fetch(file, wanted ?? file.Sha256, mirror, cache, client, reporter, cancellation));
                if (parsed.GetValue(options.Json))
                    JsonText.Print(
                        new JsonObject
                        {
                            ["name"] = weights.Name,
                            ["licence"] = weights.Licence,
                            ["files"] = files,
                        }
                    );
                return ExitCode.Success;
            }
        );
        return command;
    }

    private static async Task<JsonObject> Fetch(
        PublishedFile file,
        string? sha256,
        Uri? mirror,
        WeightCache cache,
        HttpClient client,
        Reporter reporter,
        CancellationToken cancellation
    )
    {
        var path = cache.PathOf(file);
        string found;
        if (File.Exists(path))
        {
            found = await WeightDownload.Hash(path, cancellation);
            if (sha256 is not null && !found.Equals(sha256, StringComparison.OrdinalIgnoreCase))
                throw new DataFormatException($"{path}: has the SHA-256 {found}, expected {sha256}; delete it to fetch it again");
            reporter.Line($"{path}: is there, SHA-256 {found}");
        }
        else
        {
            var from = mirror is null ? file.Url : new Uri(mirror, file.FileName);
            found = await reporter.Run(
                file.FileName,
                "bytes",
                progress =>
                    new WeightDownload(client).FetchAsync(
                        from,
                        path,
                        sha256,
                        sha256 == file.Sha256 ? file.Bytes : null,
                        progress,
                        cancellation
                    )
            );
            reporter.Line($"{path}: fetched, SHA-256 {found}{(sha256 is null ? " (none is known to compare with)" : "")}");
        }
        return new JsonObject
        {
            ["file"] = path,
            ["sha256"] = found,
            ["bytes"] = new FileInfo(path).Length,
        };
    }

    private static string? Hash(string? given, PublishedWeights weights)
    {
        if (given is null)
            return null;
        if (given.Length != 64 || !given.All(char.IsAsciiHexDigit))
            throw new UsageException($"--sha256 {given}: must be 64 hexadecimal digits");
        return weights.Files.Count == 1
            ? given
            : throw new ConfigurationException(
                $"--sha256: {weights.Name} has {weights.Files.Count} files; their hashes are known, leave it out"
            );
    }

    private static Uri? Mirror(string? url) =>
        url is null ? null
        : Uri.TryCreate(url.EndsWith('/') ? url : url + "/", UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" ? uri
        : throw new UsageException($"--url {url}: must be an http or https address");
}

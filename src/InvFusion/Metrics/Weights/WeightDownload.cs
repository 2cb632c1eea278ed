using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;

namespace InvFusion.Metrics.Weights;

/// <summary>
/// Downloads a file: what has arrived stays in <c>FILE.part</c>, and the next call, or the next try of the same call, asks for the rest alone. The file gets its name
/// when it is whole and its hash is right.
/// </summary>
public sealed class WeightDownload(HttpClient client)
{
    private const int Tries = 5;
    private const int BufferBytes = 1 << 18;

    /// <summary>How long to wait before another try.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Fetches a file.</summary>
    /// <param name="url">Where it is.</param>
    /// <param name="path">Where it shall be.</param>
    /// <param name="sha256">The hash that it must have, in hexadecimal; null takes any.</param>
    /// <param name="progress">Told (arrived, all) bytes; all is 0 where the server does not say.</param>
    /// <param name="cancellation">Ends the download; what has arrived is kept.</param>
    /// <returns>The hash that it has.</returns>
    /// <exception cref="DataFormatException">There is no network, no such file, or the hash is another; one line.</exception>
    public async Task<string> FetchAsync(
        Uri url,
        string path,
        string? sha256,
        IProgress<(double Done, double Total)>? progress = null,
        CancellationToken cancellation = default
    )
    {
        ArgumentNullException.ThrowIfNull(url);
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var part = $"{path}.part";
        for (var left = Tries; ; left--)
        {
            var before = Length(part);
            try
            {
                await Receive(url, part, progress, cancellation).ConfigureAwait(false);
                break;
            }
            catch (Exception e) when (IsNetwork(e) && !cancellation.IsCancellationRequested)
            {
                var kept = Length(part);
                if (kept > before)
                    left = Tries; // as long as something arrives, it goes on
                if (left == 1)
                    throw new DataFormatException(
                        $"{url}: cannot be fetched ({OneLine(e)}){(kept > 0 ? $"; {kept} bytes are kept, the same command goes on from there" : "")}; without a network, copy the file to {path}",
                        e
                    );
            }
            await Task.Delay(Pause, cancellation).ConfigureAwait(false);
        }
        var hash = await Hash(part, cancellation).ConfigureAwait(false);
        if (sha256 is not null && !hash.Equals(sha256, StringComparison.OrdinalIgnoreCase))
        {
            File.Delete(part); // to go on with it would never end
            throw new DataFormatException($"{url}: has the SHA-256 {hash}, expected {sha256}; it was not kept");
        }
        File.Move(part, path, overwrite: true);
        return hash;
    }

    /// <summary>The SHA-256 of a file, in hexadecimal.</summary>
    public static async Task<string> Hash(string path, CancellationToken cancellation = default)
    {
        var stream = File.OpenRead(path);
        await using (stream.ConfigureAwait(false))
            return Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellation).ConfigureAwait(false));
    }

    private async Task Receive(Uri url, string part, IProgress<(double Done, double Total)>? progress, CancellationToken cancellation)
    {
        var have = Length(part);
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        if (have > 0)
            request.Headers.Range = new RangeHeaderValue(have, null);
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            if (response.Content.Headers.ContentRange?.Length == have)
                return; // it was whole already
            File.Delete(part);
            throw new HttpRequestException("the server has less than what had arrived; it is fetched anew");
        }
        if (!response.IsSuccessStatusCode)
            throw (int)response.StatusCode is 408 or 429 or >= 500
                ? new HttpRequestException($"the server answers {(int)response.StatusCode}")
                : new DataFormatException(
                    $"{url}: the server answers {(int)response.StatusCode} {response.ReasonPhrase}; check the address, or give another with --url"
                );
        // A server that knows no ranges sends all of it again.
        var goesOn = response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From == have;
        if (!goesOn)
            have = 0;
        var total = have + (response.Content.Headers.ContentLength ?? 0);
        var file = new FileStream(part, goesOn ? FileMode.Append : FileMode.Create, FileAccess.Write, FileShare.Read, BufferBytes);
        await using (file.ConfigureAwait(false))
        {
            var content = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
            await using (content.ConfigureAwait(false))
            {
                var buffer = new byte[BufferBytes];
                for (int read; (read = await content.ReadAsync(buffer, cancellation).ConfigureAwait(false)) > 0; )
                {
                    await file.WriteAsync(buffer.AsMemory(0, read), cancellation).ConfigureAwait(false);
                    have += read;
                    progress?.Report((have, total));
                }
                file.Flush(flushToDisk: true);
            }
        }
        if (response.Content.Headers.ContentLength is not null && have < total)
            throw new HttpRequestException($"the connection ended after {have} of {total} bytes");
    }

    private static bool IsNetwork(Exception e) => e is HttpRequestException or IOException or TaskCanceledException;

    private static long Length(string part) => File.Exists(part) ? new FileInfo(part).Length : 0;

    private static string OneLine(Exception e) => (e.InnerException ?? e).Message.ReplaceLineEndings(" ").TrimEnd('.', ' ');
}

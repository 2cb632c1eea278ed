using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using InvFusion.Formats.IO;

namespace InvFusion.Metrics.Weights;

/// <summary>
/// Downloads a file: what has arrived stays in <c>FILE.part</c>, and the next call, or the next try of the same call, asks for the rest alone. The file gets its name
/// when it is whole and its hash is right.
/// </summary>
/// <param name="client">Asks the server; of <see cref="CreateClient"/>, or redirects are followed as the client likes.</param>
public sealed class WeightDownload(HttpClient client)
{
    private const int Tries = 5;
    private const int BufferBytes = 1 << 18;
    private const int MostRedirects = 10;

    /// <summary>A client that follows no redirects itself, and waits as long as the download says.</summary>
    public static HttpClient CreateClient() =>
        new(new SocketsHttpHandler { AllowAutoRedirect = false }, disposeHandler: true) { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>How long to wait before another try.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long nothing may come before the connection counts as dead.</summary>
    public TimeSpan Idle { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Fetches a file.</summary>
    /// <param name="url">Where it is.</param>
    /// <param name="path">Where it shall be.</param>
    /// <param name="sha256">The hash that it must have, in hexadecimal; null takes any.</param>
    /// <param name="bytes">The size that it must have; null takes any.</param>
    /// <param name="progress">Told (arrived, all) bytes; all is 0 where the server does not say.</param>
    /// <param name="cancellation">Ends the download; what has arrived is kept.</param>
    /// <returns>The hash that it has.</returns>
    /// <exception cref="DataFormatException">There is no network, no such file, the size or the hash is another, or another process fetches it; one line.</exception>
    public async Task<string> FetchAsync(
        Uri url,
        string path,
        string? sha256,
        long? bytes = null,
        IProgress<(double Done, double Total)>? progress = null,
        CancellationToken cancellation = default
    )
    {
        ArgumentNullException.ThrowIfNull(url);
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var part = $"{path}.part";
        using var alone =
            FileLock.TryTake($"{path}.lock", temporary: true)
            ?? throw new DataFormatException($"{path}: is being fetched by another process; wait for its end");
        for (var left = Tries; ; left--)
        {
            var before = Length(part);
            try
            {
                await Receive(url, part, bytes, progress, cancellation).ConfigureAwait(false);
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

    private async Task Receive(
        Uri url,
        string part,
        long? bytes,
        IProgress<(double Done, double Total)>? progress,
        CancellationToken cancellation
    )
    {
        using var idle = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        idle.CancelAfter(Idle);
        try
        {
            await Receive(url, part, bytes, progress, idle).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new HttpRequestException(FormattableString.Invariant($"nothing came for {Idle.TotalSeconds:0.#} seconds"));
        }
    }

    // Every piece that comes starts the clock of the token anew.
    private async Task Receive(
        Uri url,
        string part,
        long? bytes,
        IProgress<(double Done, double Total)>? progress,
        CancellationTokenSource idle
    )
    {
        var cancellation = idle.Token;
        var have = Length(part);
        using var response = await Ask(url, have, cancellation).ConfigureAwait(false);
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
        if (total > bytes)
            throw TooLarge(url, part, bytes.Value);
        var file = new FileStream(part, goesOn ? FileMode.Append : FileMode.Create, FileAccess.Write, FileShare.Read, BufferBytes);
        await using (file.ConfigureAwait(false))
        {
            var content = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
            await using (content.ConfigureAwait(false))
            {
                var buffer = new byte[BufferBytes];
                for (int read; (read = await content.ReadAsync(buffer, cancellation).ConfigureAwait(false)) > 0; )
                {
                    idle.CancelAfter(Idle);
                    if (have + read > bytes)
                        throw TooLarge(url, part, bytes.Value);
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

    // An open file may be deleted on Linux and macOS; on Windows what is left of it is written over by the next try.
    private static DataFormatException TooLarge(Uri url, string part, long bytes)
    {
        try
        {
            File.Delete(part);
        }
        catch (IOException) { }
        return new($"{url}: sends more than the {bytes} bytes of the published file; it was not kept, check the address");
    }

    private static bool IsNetwork(Exception e) => e is HttpRequestException or IOException or TaskCanceledException;

    private static long Length(string part) => File.Exists(part) ? new FileInfo(part).Length : 0;

    // Follows redirects, but nowhere else than to http and https, and not from https to http.
    private async Task<HttpResponseMessage> Ask(Uri url, long from, CancellationToken cancellation)
    {
        var at = url;
        for (var left = MostRedirects; ; left--)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, at);
            if (from > 0)
                request.Headers.Range = new RangeHeaderValue(from, null);
            var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation).ConfigureAwait(false);
            if ((int)response.StatusCode is < 300 or >= 400)
                return response;
            var location = response.Headers.TryGetValues("Location", out var values) ? values.First() : "";
            response.Dispose();
            var next = location.Length > 0 && Uri.TryCreate(at, location, out var uri) ? uri : null;
            if (left == 0 || next is null || next.Scheme is not ("http" or "https") || (at.Scheme == "https" && next.Scheme == "http"))
                throw new DataFormatException(
                    $"{url}: redirects to '{OneLine(location)}', which is not followed{(left == 0 ? " after so many" : "")}; give another address with --url"
                );
            at = next;
        }
    }

    // Of a server: on one line, and not too long.
    private static string OneLine(string text) => string.Concat(text.Where(c => !char.IsControl(c)).Take(200));

    private static string OneLine(Exception e) => (e.InnerException ?? e).Message.ReplaceLineEndings(" ").TrimEnd('.', ' ');
}

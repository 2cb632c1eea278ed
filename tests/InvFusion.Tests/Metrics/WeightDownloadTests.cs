using System.Net;
using System.Security.Cryptography;
using InvFusion.Metrics.Weights;
using InvFusion.Runtime;
using Xunit;
using TemporaryFolder = InvFusion.Testing.TemporaryFolder;

namespace InvFusion.Tests.Metrics;

/// <summary>Downloads from a server of this process.</summary>
public sealed class WeightDownloadTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly byte[] _content = [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i * 31 >> 3))];

    private string Path => _folder["weights.pth"];

    private string Hash => Convert.ToHexStringLower(SHA256.HashData(_content));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_connection_that_is_cut_is_gone_on_with()
    {
        using var server = new CutServer(_content, cuts: 2);
        var told = new List<double>();
        Assert.Equal(Hash, await Fetch(server.Address, Hash, told));
        Assert.Equal(_content, File.ReadAllBytes(Path));
        Assert.False(File.Exists($"{Path}.part"));
        Assert.Equal([null, 100_000L, 200_000L], server.Asked);
        Assert.Equal(told.Order(), told);
        Assert.Equal(_content.Length, told[^1]);
    }

    [Fact]
    public async Task What_an_earlier_call_left_is_gone_on_with()
    {
        File.WriteAllBytes($"{Path}.part", _content[..12_345]);
        using var server = new CutServer(_content);
        await Fetch(server.Address, Hash);
        Assert.Equal(_content, File.ReadAllBytes(Path));
        Assert.Equal([12_345L], server.Asked);

        File.Delete(Path);
        File.WriteAllBytes($"{Path}.part", _content); // whole, but without its name
        await Fetch(server.Address, Hash);
        Assert.Equal(_content, File.ReadAllBytes(Path));
    }

    [Fact]
    public async Task A_server_that_knows_no_ranges_sends_all_of_it()
    {
        File.WriteAllBytes($"{Path}.part", _content[..12_345]);
        using var server = new CutServer(_content, ranges: false);
        await Fetch(server.Address, Hash);
        Assert.Equal(_content, File.ReadAllBytes(Path));
    }

    [Fact]
    public async Task A_wrong_hash_keeps_nothing()
    {
        using var server = new CutServer(_content);
        var error = await Assert.ThrowsAsync<DataFormatException>(() => Fetch(server.Address, new string('0', 64)));
        Assert.Contains(Hash, error.Message, StringComparison.Ordinal);
        Assert.Contains("expected 000", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.Root));
    }

    [Fact]
    public async Task A_missing_file_and_a_missing_server_are_one_line()
    {
        using var server = new CutServer(_content);
        var error = await Assert.ThrowsAsync<DataFormatException>(() => Fetch(new(server.Address, "/other"), null));
        Assert.Contains("404", error.Message, StringComparison.Ordinal);
        Assert.Single(server.Asked); // asking again would not help
        server.Dispose();
        error = await Assert.ThrowsAsync<DataFormatException>(() => Fetch(server.Address, null));
        Assert.Contains("cannot be fetched", error.Message, StringComparison.Ordinal);
        Assert.Contains(Path, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)] // the server does not say how much it will send
    public async Task More_bytes_than_the_file_has_are_not_taken(bool told)
    {
        using var server = new OddServer(
            async (context, stop) =>
            {
                if (told)
                    context.Response.ContentLength64 = 1L << 40;
                else
                    context.Response.SendChunked = true;
                while (!stop.IsCancellationRequested)
                    await context.Response.OutputStream.WriteAsync(_content, stop);
            }
        );
        var error = await Assert.ThrowsAsync<DataFormatException>(() => Fetch(server.Address, Hash, bytes: _content.Length));
        Assert.Contains($"more than the {_content.Length} bytes", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.Root));
        Assert.Single(server.Asked);
    }

    [Fact]
    public async Task A_server_that_falls_silent_is_asked_again_and_given_up_by_name()
    {
        using var server = new OddServer(
            async (context, stop) =>
            {
                context.Response.ContentLength64 = _content.Length;
                await context.Response.OutputStream.WriteAsync(_content.AsMemory(0, 1000), stop);
                await context.Response.OutputStream.FlushAsync(stop);
                await Task.Delay(Timeout.Infinite, stop);
            }
        );
        var error = await Assert.ThrowsAsync<DataFormatException>(() => Fetch(server.Address, Hash, idle: TimeSpan.FromMilliseconds(200)));
        Assert.Contains("nothing came for 0.2 seconds", error.Message, StringComparison.Ordinal);
        Assert.True(server.Asked.Count > 1);
    }

    [Theory]
    [InlineData("file:///etc/hostname")]
    [InlineData("ftp://127.0.0.1/file")]
    [InlineData("javascript:alert(1)")]
    [InlineData("")]
    public async Task A_redirect_to_something_else_than_http_is_refused(string location)
    {
        using var server = new OddServer(
            (context, _) =>
            {
                context.Response.StatusCode = 302;
                context.Response.Headers["Location"] = location;
                context.Response.Close();
                return Task.CompletedTask;
            }
        );
        var error = await Assert.ThrowsAsync<DataFormatException>(() => Fetch(server.Address, Hash));
        Assert.Contains($"redirects to '{location}'", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.Root));
        Assert.Single(server.Asked);
    }

    [Fact]
    public async Task A_redirect_to_http_is_followed_and_a_circle_is_not()
    {
        using var goal = new CutServer(_content);
        using (var server = new OddServer((context, _) => Redirect(context, goal.Address.ToString())))
            Assert.Equal(Hash, await Fetch(server.Address, Hash));
        File.Delete(Path);
        using var circle = new OddServer((context, _) => Redirect(context, "/file"));
        var error = await Assert.ThrowsAsync<DataFormatException>(() => Fetch(circle.Address, Hash));
        Assert.Contains("redirects to '/file', which is not followed after so many", error.Message, StringComparison.Ordinal);

        static Task Redirect(HttpListenerContext context, string location)
        {
            context.Response.StatusCode = 302;
            context.Response.Headers["Location"] = location;
            context.Response.Close();
            return Task.CompletedTask;
        }
    }

    [Fact]
    public async Task Of_two_downloads_of_a_file_one_is_refused_and_the_other_whole()
    {
        var sent = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        using var server = new OddServer(
            async (context, stop) =>
            {
                context.Response.ContentLength64 = _content.Length;
                await context.Response.OutputStream.WriteAsync(_content.AsMemory(0, 1000), stop);
                await context.Response.OutputStream.FlushAsync(stop);
                sent.TrySetResult();
                await goOn.Task;
                await context.Response.OutputStream.WriteAsync(_content.AsMemory(1000), stop);
                context.Response.Close();
            }
        );
        var first = Fetch(server.Address, Hash);
        await sent.Task;
        var error = await Assert.ThrowsAsync<DataFormatException>(() => Fetch(server.Address, Hash));
        Assert.Contains("is being fetched by another process", error.Message, StringComparison.Ordinal);
        goOn.SetResult();
        Assert.Equal(Hash, await first);
        Assert.Equal([Path], Directory.GetFiles(_folder.Root));
    }

    [Fact]
    public void The_cache_is_where_the_environment_says()
    {
        string? Folder(string? own, string? xdg) => UserCache.Folder(name => name == "INVFUSION_CACHE" ? own : xdg);
        Assert.Equal("/a", Folder("/a", "/b"));
        Assert.Equal(System.IO.Path.Combine("/b", "invfusion"), Folder(null, "/b"));
        Assert.EndsWith(System.IO.Path.Combine(".cache", "invfusion"), Folder("", null), StringComparison.Ordinal);

        var cache = new WeightCache([], _folder.Root);
        var message = Assert.Throws<DataFormatException>(() => cache.Require("inception")).Message;
        foreach (
            var words in new[] { "pt_inception-2015-12-05-6726825d.pth", "https://", "fetch-weights inception", "--weights inception=FILE" }
        )
            Assert.Contains(words, message, StringComparison.Ordinal);
        File.WriteAllText(_folder["pt_inception-2015-12-05-6726825d.pth"], "");
        Assert.Single(cache.Require("inception"));
        Assert.Throws<ConfigurationException>(() => new WeightCache(["inception"]));
        Assert.Throws<ConfigurationException>(() => new WeightCache(["other=x"]));
        Assert.Contains(
            "no such file",
            Assert.Throws<DataFormatException>(() => new WeightCache(["dinov2=/no"]).Require("dinov2")).Message
        );
    }

    private async Task<string> Fetch(Uri url, string? hash, List<double>? told = null, long? bytes = null, TimeSpan? idle = null)
    {
        using var client = WeightDownload.CreateClient();
        var download = new WeightDownload(client) { Pause = TimeSpan.Zero, Idle = idle ?? TimeSpan.FromMinutes(1) };
        return await download.FetchAsync(url, Path, hash, bytes, new Told(told), TestContext.Current.CancellationToken);
    }

    private sealed class Told(List<double>? list) : IProgress<(double Done, double Total)>
    {
        public void Report((double Done, double Total) value) => list?.Add(value.Done);
    }

    // On the first port from the given one on that is free.
    private static Uri Listen(HttpListener listener, int first)
    {
        for (var port = first; ; port++)
            try
            {
                listener.Prefixes.Clear();
                listener.Prefixes.Add($"http://127.0.0.1:{port}/");
                listener.Start();
                return new($"http://127.0.0.1:{port}/file");
            }
            catch (HttpListenerException) when (port < first + 100) { }
    }

    /// <summary>Answers every request in its own way.</summary>
    private sealed class OddServer : IDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly CancellationTokenSource _stop = new();
        private readonly Func<HttpListenerContext, CancellationToken, Task> _answer;

        public OddServer(Func<HttpListenerContext, CancellationToken, Task> answer)
        {
            _answer = answer;
            Address = Listen(_listener, 18_400);
            _ = Task.Run(Serve);
        }

        public Uri Address { get; }

        public List<string> Asked { get; } = [];

        public void Dispose()
        {
            _stop.Cancel();
            _listener.Close();
        }

        private async Task Serve()
        {
            while (_listener.IsListening)
                try
                {
                    var context = await _listener.GetContextAsync();
                    Asked.Add(context.Request.RawUrl!);
                    _ = Answer(context);
                }
                catch (Exception e) when (e is HttpListenerException or ObjectDisposedException) { }
        }

        // The client may hang up in the middle.
        private async Task Answer(HttpListenerContext context)
        {
            try
            {
                await _answer(context, _stop.Token);
            }
            catch (Exception e) when (e is HttpListenerException or IOException or ObjectDisposedException or OperationCanceledException)
            { }
        }
    }

    /// <summary>Serves one file, and ends its first connections too early.</summary>
    private sealed class CutServer : IDisposable
    {
        private const int Piece = 100_000;
        private readonly HttpListener _listener = new();
        private readonly byte[] _content;
        private readonly bool _ranges;
        private int _cuts;

        public CutServer(byte[] content, int cuts = 0, bool ranges = true)
        {
            (_content, _cuts, _ranges) = (content, cuts, ranges);
            Address = Listen(_listener, 18_200);
            _ = Task.Run(Serve);
        }

        public Uri Address { get; }

        /// <summary>Where each request wanted to begin; null for the whole file.</summary>
        public List<long?> Asked { get; } = [];

        public void Dispose() => _listener.Close();

        private async Task Serve()
        {
            while (true)
                try
                {
                    await Answer(await _listener.GetContextAsync());
                }
                catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or IOException)
                {
                    if (!_listener.IsListening)
                        return;
                }
        }

        private async Task Answer(HttpListenerContext context)
        {
            var range = context.Request.Headers["Range"];
            long? from = range is null ? null : long.Parse(range["bytes=".Length..].TrimEnd('-'));
            Asked.Add(from);
            var response = context.Response;
            var start = _ranges ? from ?? 0 : 0;
            if (context.Request.Url!.AbsolutePath != "/file")
                response.StatusCode = 404;
            else if (start >= _content.Length)
            {
                response.StatusCode = 416;
                response.Headers["Content-Range"] = $"bytes */{_content.Length}";
            }
            else
            {
                if (start > 0)
                {
                    response.StatusCode = 206;
                    response.Headers["Content-Range"] = $"bytes {start}-{_content.Length - 1}/{_content.Length}";
                }
                response.ContentLength64 = _content.Length - start;
                var cut = _cuts-- > 0;
                await response.OutputStream.WriteAsync(_content.AsMemory((int)start, cut ? Piece : _content.Length - (int)start));
                if (cut)
                {
                    await response.OutputStream.FlushAsync();
                    response.Abort();
                    return;
                }
            }
            response.Close();
        }
    }
}

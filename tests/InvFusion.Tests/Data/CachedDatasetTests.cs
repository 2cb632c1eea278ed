using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using InvFusion.Data;
using InvFusion.Imaging;
using Xunit;

namespace InvFusion.Tests.Data;

public sealed class CachedDatasetTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(CropMode.Adm, 3)]
    [InlineData(CropMode.Lanczos, 1)]
    public void The_cached_form_equals_the_resized_source(CropMode crop, int channels)
    {
        MakeImages(labels: true);
        using var source = new FolderSource(_folder["set"]);
        using var resized = new ResizedSet(source, 6, crop, channels);
        var options = new PrepareOptions
        {
            Size = 6,
            Crop = crop,
            Channels = channels,
        };
        DatasetPreparer.Prepare(source, _folder["set.cache"], options, cancellation: TestContext.Current.CancellationToken);
        using var cached = CachedDataset.Open(_folder["set.cache"]);
        cached.Verify(TestContext.Current.CancellationToken);
        Assert.Equal((7, channels, 6, 3), (cached.Count, cached.Channels, cached.Size, cached.ClassCount));
        Assert.Equal(source.Names, cached.Names);
        for (var i = 0; i < 7; i++)
        {
            Assert.Equal(Read(resized, i), Read(cached, i));
            Assert.Equal(i % 3, cached.Label(i));
        }
    }

    [Fact]
    public void The_header_tells_where_the_images_come_from()
    {
        MakeImages(labels: false);
        _folder.Text("set/notes.txt", "x");
        using var cached = Prepare();
        Assert.Equal(("set", "Adm"), (cached.Header.Source, cached.Header.Crop));
        Assert.Equal(["notes.txt"], cached.Header.Skipped);
        Assert.Equal(-1, cached.Label(0));
        Assert.Equal(64, cached.Header.Sha256.Length);
    }

    [Fact]
    public void A_set_of_before_whose_header_knows_no_file_lengths_opens()
    {
        MakeImages(labels: true);
        Prepare().Dispose();
        var bytes = File.ReadAllBytes(_folder["set.cache"]);
        var layout = CachedLayout.Parse(bytes.AsSpan(0, CachedLayout.PrefixBytes), bytes.Length, "set.cache");
        var start = (int)(CachedLayout.PixelOffset + layout.PixelBytes);
        var header = JsonNode.Parse(bytes.AsSpan(start))!.AsObject();
        Assert.True(header.Remove("fileBytes"));
        var json = Encoding.UTF8.GetBytes(header.ToJsonString());
        var prefix = (layout with { HeaderBytes = json.Length, HeaderHash = SHA256.HashData(json) }).ToBytes();
        File.WriteAllBytes(_folder["old.cache"], [.. prefix, .. bytes[prefix.Length..start], .. json]);

        using var old = CachedDataset.Open(_folder["old.cache"]);
        Assert.Empty(old.Header.FileBytes);
        Assert.Equal(7, old.Count);
        Assert.Equal(-1, old.Origin.FileLength(0));
    }

    [Fact]
    public void The_same_source_gives_the_same_bytes()
    {
        MakeImages(labels: true);
        Prepare().Dispose();
        var first = File.ReadAllBytes(_folder["set.cache"]);
        Prepare().Dispose();
        Assert.Equal(first, File.ReadAllBytes(_folder["set.cache"]));
    }

    [Fact]
    public void Broken_images_stop_the_preparation_by_name_and_leave_no_file()
    {
        MakeImages(labels: false);
        _folder.Text("set/bad1.png", "text");
        _folder.File("set/bad2.png", []);
        using var source = new FolderSource(_folder["set"]);
        var error = Assert.Throws<DataFormatException>(() =>
            DatasetPreparer.Prepare(
                source,
                _folder["set.cache"],
                new PrepareOptions { Size = 6 },
                cancellation: TestContext.Current.CancellationToken
            )
        );
        Assert.Contains("2 of 9 images cannot be read: bad1.png, bad2.png", error.Message);
        Assert.Empty(Directory.GetFiles(_folder.Root));
    }

    [Fact]
    public void Broken_images_can_be_left_out_and_are_listed()
    {
        MakeImages(labels: false);
        _folder.Text("set/bad1.png", "text");
        using var cached = Prepare(new PrepareOptions { Size = 6, LeaveOutBroken = true });
        Assert.Equal(7, cached.Count);
        Assert.Equal(["bad1.png"], cached.Header.Broken);
        Assert.DoesNotContain("bad1.png", cached.Names);
    }

    [Fact]
    public void Cancelled_preparation_leaves_no_file()
    {
        MakeImages(labels: false);
        using var source = new FolderSource(_folder["set"]);
        Assert.ThrowsAny<OperationCanceledException>(() =>
            DatasetPreparer.Prepare(
                source,
                _folder["set.cache"],
                new PrepareOptions { Size = 6 },
                cancellation: new CancellationToken(canceled: true)
            )
        );
        Assert.Empty(Directory.GetFiles(_folder.Root));
    }

    [Fact]
    public void A_truncated_cache_is_refused()
    {
        var bytes = PreparedBytes();
        foreach (var length in new[] { 0, 5, 40, 64, 4096, bytes.Length / 2, bytes.Length - 1 })
        {
            _folder.File("cut.cache", bytes[..length]);
            Assert.Contains("cut.cache", Assert.Throws<DataFormatException>(() => CachedDataset.Open(_folder["cut.cache"])).Message);
        }
    }

    [Fact]
    public void A_changed_byte_of_prefix_or_header_is_found_on_opening()
    {
        var bytes = PreparedBytes();
        foreach (var at in new[] { 0, 8, 16, 24, 32, 63, bytes.Length - 1, bytes.Length - 200 })
        {
            var damaged = bytes.ToArray();
            damaged[at] ^= 1;
            _folder.File("damaged.cache", damaged);
            Assert.Contains(
                "damaged.cache",
                Assert.Throws<DataFormatException>(() => CachedDataset.Open(_folder["damaged.cache"])).Message
            );
        }
    }

    [Fact]
    public void A_changed_pixel_is_found_by_verification()
    {
        var bytes = PreparedBytes();
        bytes[4096 + 50] ^= 1;
        _folder.File("damaged.cache", bytes);
        using var cached = CachedDataset.Open(_folder["damaged.cache"]);
        Assert.Contains(
            "content is damaged",
            Assert.Throws<DataFormatException>(() => cached.Verify(TestContext.Current.CancellationToken)).Message
        );
    }

    [Fact]
    public void Only_a_cached_set_is_taken_for_one()
    {
        _folder.File("yes.cache", PreparedBytes());
        _folder.Text("no.cache", "text");
        Assert.True(CachedDataset.IsCached(_folder["yes.cache"]));
        Assert.False(CachedDataset.IsCached(_folder["no.cache"]));
        Assert.False(CachedDataset.IsCached(_folder["missing.cache"]));
        Assert.Contains(
            "missing.cache: no such file",
            Assert.Throws<DataFormatException>(() => CachedDataset.Open(_folder["missing.cache"])).Message
        );
    }

    [Fact]
    public void Reading_outside_the_set_is_refused()
    {
        MakeImages(labels: false);
        using var cached = Prepare();
        Assert.Throws<ArgumentOutOfRangeException>(() => cached.Read(7, new byte[108]));
        Assert.Throws<ArgumentOutOfRangeException>(() => cached.Read(-1, new byte[108]));
        Assert.Throws<ArgumentException>(() => cached.Read(0, new byte[107]));
        cached.Dispose();
        Assert.Throws<ObjectDisposedException>(() => cached.Read(0, new byte[108]));
    }

    private void MakeImages(bool labels)
    {
        for (var i = 0; i < 7; i++)
            _folder.Image($"set/{i}.png", 10 + 3 * i, 20 - i, i);
        if (labels)
            _folder.Text(
                "set/dataset.json",
                $$"""{"labels": [{{string.Join(", ", Enumerable.Range(0, 7).Select(i => $"[\"{i}.png\", {i % 3}]"))}}]}"""
            );
    }

    private CachedDataset Prepare(PrepareOptions? options = null)
    {
        using var source = new FolderSource(_folder["set"]);
        DatasetPreparer.Prepare(source, _folder["set.cache"], options ?? new PrepareOptions { Size = 6 });
        return CachedDataset.Open(_folder["set.cache"]);
    }

    private byte[] PreparedBytes()
    {
        MakeImages(labels: true);
        Prepare().Dispose();
        return File.ReadAllBytes(_folder["set.cache"]);
    }

    private static byte[] Read(IImageSet set, int index)
    {
        var planes = new byte[set.Channels * set.Size * set.Size];
        set.Read(index, planes);
        return planes;
    }
}

using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using InvFusion.Data;
using InvFusion.Imaging;
using Xunit;

namespace InvFusion.Tests.Data;

/// <summary>Folders and archives as others leave them, and as an enemy would.</summary>
public sealed class HostileSourceTests : IDisposable
{
    private const long Bound = 64 << 20; // bytes
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("loop>.")]
    [InlineData("one>.", "two>.")] // 2^32 ways to the image
    [InlineData("sub/up>..")]
    [InlineData("again>sub", "sub/../other>sub")]
    [InlineData("a>b", "b>a")] // leads nowhere
    public void Links_add_nothing_that_is_in_the_folder(params string[] links)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need rights there");
        _folder.Image("set/sub/a.png");
        foreach (var link in links.Select(l => l.Split('>')))
            Directory.CreateSymbolicLink(_folder[$"set/{link[0]}"], link[1]);
        using var source = new FolderSource(_folder["set"]);
        Assert.Equal(["sub/a.png"], source.Names);
    }

    [Fact]
    public void A_link_to_another_folder_is_followed_once()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need rights there");
        _folder.Image("else/b.png");
        _folder.Image("set/a.png");
        Directory.CreateSymbolicLink(_folder["set/c"], _folder["else"]);
        Directory.CreateSymbolicLink(_folder["set/d"], _folder["else"]);
        Directory.CreateSymbolicLink(_folder["else/back"], _folder["set"]);
        using var source = new FolderSource(_folder["set"]);
        Assert.Equal(["a.png", "c/b.png"], source.Names);
        source.Load(1);
    }

    [Fact]
    public void A_pipe_is_passed_over()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "there is no mkfifo");
        _folder.Image("set/a.png");
        using var made = Process.Start("mkfifo", [_folder["set/b.png"], _folder["set/dataset.json"]]);
        made.WaitForExit();
        using var source = new FolderSource(_folder["set"]);
        Assert.Equal(["a.png"], source.Names);
        Assert.Empty(source.Skipped);
    }

    [Fact]
    public void Names_of_old_archives_are_of_code_page_437()
    {
        var encoding = CodePagesEncodingProvider.Instance.GetEncoding(437)!;
        var png = ImageEncoder.Encode(new RgbImage(4, 4), ".png");
        using (var zip = ZipFile.Open(_folder["old.zip"], ZipArchiveMode.Create, encoding))
            foreach (var name in new[] { "imgs/ü.png", "imgs/ö.png" })
                Put(zip, name, png);
        using var source = new ZipSource(_folder["old.zip"]);
        Assert.Equal(["imgs/ö.png", "imgs/ü.png"], source.Names);
        source.Load(1);
    }

    [Fact]
    public void Names_in_utf8_need_no_flag()
    {
        var png = ImageEncoder.Encode(new RgbImage(4, 4), ".png");
        // Latin-1 writes the bytes of UTF-8 as they are, and no flag.
        using (var zip = ZipFile.Open(_folder["mac.zip"], ZipArchiveMode.Create, Encoding.Latin1))
            Put(zip, Encoding.Latin1.GetString(Encoding.UTF8.GetBytes("名前.png")), png);
        using var source = new ZipSource(_folder["mac.zip"]);
        Assert.Equal(["名前.png"], source.Names);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_macos_keeps_beside_an_image_is_none(bool zip)
    {
        _folder.Image("set/imgs/a.png");
        _folder.Text("set/imgs/._a.png", "Mac OS X");
        _folder.Text("set/__MACOSX/imgs/a.png", "Mac OS X");
        using var source = Open(zip);
        Assert.Equal(["imgs/a.png"], source.Names);
        Assert.Equal(["__MACOSX/imgs/a.png", "imgs/._a.png"], source.Skipped);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Labels_may_lie_with_their_set_in_a_folder_and_begin_with_a_mark(bool zip)
    {
        _folder.Image("set/top/a.png");
        _folder.Image("set/top/imgs/b.png");
        _folder.File("set/top/dataset.json", [0xEF, 0xBB, 0xBF, .. """{"labels": [["a.png", 2], ["imgs/b.png", 1]]}"""u8]);
        using (var source = Open(zip))
        {
            Assert.Equal([2, 1], [source.Label(0), source.Label(1)]);
            Assert.Empty(source.Skipped);
        }
        // Those of a part are not those of the whole.
        _folder.Image("set/c.png");
        File.Delete(_folder["set.zip"]);
        using var mixed = Open(zip);
        Assert.Equal(0, mixed.ClassCount);
        Assert.Equal(["top/dataset.json"], mixed.Skipped);
    }

    [Fact]
    public void What_is_left_out_is_counted_by_kind()
    {
        Assert.Equal("0 other files", FileKinds.Count([]));
        Assert.Equal("1 other file (.gif 1)", FileKinds.Count(["a.gif"]));
        Assert.Equal("4 other files (.jfif 2, .gif 1, without extension 1)", FileKinds.Count(["a.jfif", "b.jfif", "c.gif", "README"]));
        _folder.Text("set/a.gif", "x");
        var message = Assert.Throws<DataFormatException>(() => new FolderSource(_folder["set"])).Message;
        Assert.Contains("holds no image", message);
        Assert.Contains("only 1 other file (.gif 1)", message);
    }

    [Theory]
    [InlineData("bomb.png")]
    [InlineData("dataset.json")]
    public void An_entry_that_unpacks_to_far_more_is_refused_before_it_does(string name)
    {
        using (var zip = ZipFile.Open(_folder["bomb.zip"], ZipArchiveMode.Create))
        {
            Put(zip, "a.png", ImageEncoder.Encode(new RgbImage(4, 4), ".png"));
            using var entry = zip.CreateEntry(name, CompressionLevel.Optimal).Open();
            for (var i = 0; i < 80; i++)
                entry.Write(new byte[1 << 20]);
        }
        var before = GC.GetAllocatedBytesForCurrentThread();
        var message = Assert
            .Throws<DataFormatException>(() =>
            {
                using var source = new ZipSource(_folder["bomb.zip"]);
                source.Load(1);
            })
            .Message;
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Bound);
        Assert.StartsWith($"{_folder["bomb.zip"]}: {name}: would unpack", message);
    }

    [Fact]
    public void An_entry_that_claims_what_its_bytes_cannot_hold_is_refused()
    {
        using (var zip = ZipFile.Open(_folder["lie.zip"], ZipArchiveMode.Create))
            Put(zip, "a.png", ImageEncoder.Encode(new RgbImage(4, 4), ".png"));
        var bytes = File.ReadAllBytes(_folder["lie.zip"]);
        var directory = bytes.AsSpan().LastIndexOf("PK\u0001\u0002"u8);
        BitConverter.TryWriteBytes(bytes.AsSpan(directory + 24), 1 << 30); // the unpacked length
        File.WriteAllBytes(_folder["lie.zip"], bytes);
        using var source = new ZipSource(_folder["lie.zip"]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("a.png: claims 1073741824 bytes", Assert.Throws<DataFormatException>(() => source.Load(0)).Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Bound);
    }

    [Fact]
    public void Names_of_archives_are_shown_on_one_short_line()
    {
        using (var zip = ZipFile.Open(_folder["odd.zip"], ZipArchiveMode.Create))
        {
            Put(zip, "\u001b[2Ja\n.png", []);
            Put(zip, new string('b', 60_000) + ".png", [1]);
        }
        using var source = new ZipSource(_folder["odd.zip"]);
        Assert.Contains(": ?[2Ja?.png: is empty", Assert.Throws<DataFormatException>(() => source.Load(0)).Message);
        Assert.InRange(Assert.Throws<DataFormatException>(() => source.Load(1)).Message.Length, 200, 500);
        var error = Assert.Throws<DataFormatException>(() => DatasetPreparer.Prepare(source, _folder["x.ifds"], new() { Size = 4 }));
        Assert.DoesNotContain(error.Message, char.IsControl);
        Assert.InRange(error.Message.Length, 200, 2003);
    }

    [Fact]
    public void A_broken_file_of_many_is_left_out_by_its_name()
    {
        for (var i = 0; i < 6; i++)
            _folder.Image($"set/{i}.png");
        var claim = ImageEncoder.Encode(new RgbImage(4, 4), ".bmp");
        BitConverter.TryWriteBytes(claim.AsSpan(18), 16000);
        BitConverter.TryWriteBytes(claim.AsSpan(22), 16000);
        _folder.File("set/3claim.bmp", claim);
        using var source = new FolderSource(_folder["set"]);
        var header = DatasetPreparer.Prepare(source, _folder["x.ifds"], new() { Size = 4, LeaveOutBroken = true });
        Assert.Equal(["3claim.bmp"], header.Broken);
        Assert.Equal(6, header.Count);
    }

    [Fact]
    public void A_prepared_set_that_shrinks_in_use_ends_with_its_name()
    {
        for (var i = 0; i < 6; i++)
            _folder.Image($"set/{i}.png");
        using (var source = new FolderSource(_folder["set"]))
            DatasetPreparer.Prepare(source, _folder["x.ifds"], new() { Size = 64 });
        using var set = CachedDataset.Open(_folder["x.ifds"]);
        using (var stream = new FileStream(_folder["x.ifds"], FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            stream.SetLength(4096 + 3 * 64 * 64 * 2 + 100);
        var planes = new byte[3 * 64 * 64];
        set.Read(1, planes);
        foreach (var index in new[] { 2, 5 }) // within a page of the end, and far beyond it
        {
            var message = Assert.Throws<DataFormatException>(() => set.Read(index, planes)).Message;
            Assert.StartsWith($"{_folder["x.ifds"]}: was truncated while it was read (image {index}", message);
        }
    }

    private ImageSource Open(bool zip) => zip ? new ZipSource(_folder.Zip("set")) : new FolderSource(_folder["set"]);

    private static void Put(ZipArchive zip, string name, byte[] content)
    {
        using var entry = zip.CreateEntry(name).Open();
        entry.Write(content);
    }
}

using InvFusion.Data;
using Xunit;

namespace InvFusion.Tests.Data;

public sealed class ImageSourceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Images_of_all_folders_come_in_ordinal_order(bool zip)
    {
        var expected = _folder.Image("set/b/2.png", seed: 5);
        _folder.Image("set/Z.JPG");
        _folder.Image("set/a.webp");
        _folder.Image("set/b/10.bmp");
        using var source = Open("set", zip);
        Assert.Equal(["Z.JPG", "a.webp", "b/10.bmp", "b/2.png"], source.Names);
        Assert.Equal(4, source.Count);
        Assert.Equal(expected.Pixels, source.Load(3).Pixels);
        Assert.Equal(-1, source.Label(0));
        Assert.Equal(0, source.ClassCount);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Other_files_are_listed_not_ignored(bool zip)
    {
        _folder.Image("set/a.png");
        _folder.Text("set/sub/readme.txt", "hello");
        _folder.Text("set/.hidden", "x");
        using var source = Open("set", zip);
        Assert.Equal([".hidden", "sub/readme.txt"], source.Skipped);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_broken_image_is_an_error_that_names_source_and_file(bool zip)
    {
        _folder.Image("set/a.png");
        _folder.Text("set/sub/text.png", "I am text");
        _folder.File("set/empty.png", []);
        using var source = Open("set", zip);
        Assert.Contains("set", Assert.Throws<DataFormatException>(() => source.Load(1)).Message);
        Assert.Contains("empty.png: is empty", Assert.Throws<DataFormatException>(() => source.Load(1)).Message);
        Assert.Contains("sub/text.png: is not an image", Assert.Throws<DataFormatException>(() => source.Load(2)).Message);
        source.Load(0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Labels_come_from_dataset_json_by_name(bool zip)
    {
        _folder.Image("set/a.png");
        _folder.Image("set/b/c.png");
        _folder.Text("set/dataset.json", """{"labels": [["b\\c.png", 4], ["a.png", 1], ["gone.png", 9]]}""");
        using var source = Open("set", zip);
        Assert.Equal([1, 4], [source.Label(0), source.Label(1)]);
        Assert.Equal(5, source.ClassCount);
        Assert.Empty(source.Skipped);
    }

    [Theory]
    [InlineData("""{"labels": [["other.png", 4]]}""", "no label for a.png")]
    [InlineData("""{"labels": [["a.png", -1]]}""", "label -1")]
    [InlineData("""{"labels": [["a.png"]]}""", "is not {")]
    [InlineData("""{"labels": [["a.png", "cat"]]}""", "is not {")]
    [InlineData("""{"labels": [["a.png", 1.5]]}""", "is not {")]
    [InlineData("""{"labels": 3}""", "is not {")]
    [InlineData("[]", "is not {")]
    [InlineData("{", "is not {")]
    public void Wrong_labels_are_refused(string json, string reason)
    {
        _folder.Image("set/a.png");
        _folder.Text("set/dataset.json", json);
        var error = Assert.Throws<DataFormatException>(() => new FolderSource(_folder["set"]));
        Assert.Contains("dataset.json", error.Message);
        Assert.Contains(reason, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Null_labels_are_no_labels()
    {
        _folder.Image("set/a.png");
        _folder.Text("set/dataset.json", """{"labels": null}""");
        using var source = new FolderSource(_folder["set"]);
        Assert.Equal(0, source.ClassCount);
    }

    [Fact]
    public void A_zip_gives_the_same_images_to_many_threads_at_once()
    {
        var images = Enumerable.Range(10, 30).Select(i => _folder.Image($"set/{i}.png", 20, 20, i)).ToArray();
        using var source = Open("set", zip: true);
        Parallel.For(0, 300, i => Assert.Equal(images[i % 30].Pixels, source.Load(i % 30).Pixels));
    }

    [Fact]
    public void A_changed_byte_in_a_zip_is_found_by_its_checksum()
    {
        _folder.Image("set/a.bmp", 16, 16);
        var path = _folder.Zip("set", System.IO.Compression.CompressionLevel.NoCompression);
        var bytes = File.ReadAllBytes(path);
        bytes[400] ^= 1; // inside the pixels: the picture would decode
        File.WriteAllBytes(path, bytes);
        using var source = new ZipSource(path);
        Assert.Contains("a.bmp: is damaged (checksum)", Assert.Throws<DataFormatException>(() => source.Load(0)).Message);
    }

    [Fact]
    public void What_is_no_source_is_named()
    {
        _folder.Text("no.zip", "text");
        Directory.CreateDirectory(_folder["empty"]);
        Assert.Contains(
            "no.zip: is not a zip archive",
            Assert.Throws<DataFormatException>(() => ImageSource.Open(_folder["no.zip"])).Message
        );
        Assert.Contains("empty: holds no image", Assert.Throws<DataFormatException>(() => ImageSource.Open(_folder["empty"])).Message);
        Assert.Contains("nowhere: no such folder", Assert.Throws<DataFormatException>(() => ImageSource.Open(_folder["nowhere"])).Message);
    }

    [Fact]
    public void A_truncated_zip_is_named()
    {
        _folder.Image("set/a.png", 30, 30);
        var path = _folder.Zip("set");
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^40]);
        Assert.Contains(path, Assert.Throws<DataFormatException>(() => ImageSource.Open(path)).Message);
    }

    [Fact]
    public void The_report_counts_sizes_and_names_what_is_broken()
    {
        for (var i = 0; i < 3; i++)
            _folder.Image($"set/{i}.png", 10, 6);
        _folder.Image("set/big.png", 40, 30);
        _folder.Text("set/bad.jpg", "text");
        _folder.Text("set/notes.md", "text");
        using var source = Open("set", zip: true);
        var report = DatasetReport.Examine(source, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(5, report.Count);
        Assert.Equal([new SizeCount(10, 6, 3), new SizeCount(40, 30, 1)], report.Sizes);
        Assert.Equal("bad.jpg", Assert.Single(report.Broken).Name);
        Assert.Equal(["notes.md"], report.Skipped);
        Assert.Empty(report.ClassSizes);
    }

    [Fact]
    public void The_report_counts_classes()
    {
        for (var i = 0; i < 3; i++)
            _folder.Image($"set/{i}.png");
        _folder.Text("set/dataset.json", """{"labels": [["0.png", 2], ["1.png", 0], ["2.png", 2]]}""");
        using var source = Open("set", zip: false);
        Assert.Equal([1, 0, 2], DatasetReport.Examine(source, cancellation: TestContext.Current.CancellationToken).ClassSizes);
    }

    private IImageSource Open(string folder, bool zip) => ImageSource.Open(zip ? _folder.Zip(folder) : _folder[folder]);
}

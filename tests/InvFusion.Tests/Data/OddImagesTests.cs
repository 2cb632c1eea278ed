using InvFusion.Data;
using InvFusion.Imaging;
using InvFusion.Testing;
using Xunit;

namespace InvFusion.Tests.Data;

/// <summary>One folder with everything that photographs from anywhere bring along.</summary>
public sealed class OddImagesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public OddImagesTests()
    {
        var photo = _folder.Image("odd/a-photo.jpg", 90, 70, 1);
        _folder.File("odd/b-cmyk.jpg", FlatCmykJpeg.Encode(200, 100, 50, 128));
        _folder.File("odd/c-grey.jpg", ImageEncoder.Encode(photo.ToGrey(), ".jpg"));
        _folder.File("odd/d-turned.jpg", Turned(ImageEncoder.Encode(new RgbImage(40, 20), ".jpg")));
        _folder.File("odd/e-grey16.tif", TiffFile.Encode(2, 2, 16, 1, 1, [0, 10, 0, 20, 0, 30, 0, 40]));
        _folder.Image("odd/f-small.png", 3, 5, 2);
        _folder.Image("odd/g-large.webp", 300, 200, 3);
        _folder.Text("odd/notes.txt", "text");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void All_become_rgb_of_one_size()
    {
        using var source = ImageSource.Open(_folder["odd"]);
        var header = DatasetPreparer.Prepare(
            source,
            _folder["odd.ifds"],
            new() { Size = 4 },
            cancellation: TestContext.Current.CancellationToken
        );
        Assert.Equal(7, header.Count);
        Assert.Equal(["notes.txt"], header.Skipped);
        using var set = CachedDataset.Open(_folder["odd.ifds"]);
        var pixels = new byte[3 * 16];
        for (var i = 0; i < 7; i++)
        {
            set.Read(i, pixels);
            Assert.Equal(CenterCrop.Adm(source.Load(i), 4).ToPlanar(), pixels);
        }
        var turned = source.Load(3);
        Assert.Equal((20, 40), (turned.Width, turned.Height));
        var grey = source.Load(2);
        Assert.All(Enumerable.Range(0, grey.Width * grey.Height), i => Assert.Equal(grey.Pixels[3 * i], grey.Pixels[3 * i + 2]));
        Assert.Equal([10, 10, 10, 20, 20, 20, 30, 30, 30, 40, 40, 40], source.Load(4).Pixels);
        Assert.InRange(source.Load(1).Pixels[0], 99, 101); // ink times black
    }

    [Fact]
    public void Broken_ones_are_named_or_left_out_by_name()
    {
        _folder.File("odd/h-cut.jpg", File.ReadAllBytes(_folder["odd/a-photo.jpg"])[..1500]);
        _folder.Text("odd/i-text.png", "I am text");
        _folder.File("odd/j-empty.tif", []);
        using var source = ImageSource.Open(_folder["odd"]);
        var error = Assert.Throws<DataFormatException>(() => DatasetPreparer.Prepare(source, _folder["no.ifds"], new() { Size = 4 }));
        Assert.Contains("3 of 10 images cannot be read: h-cut.jpg, i-text.png, j-empty.tif", error.Message);
        Assert.False(File.Exists(_folder["no.ifds"]));
        var header = DatasetPreparer.Prepare(source, _folder["some.ifds"], new() { Size = 4, LeaveOutBroken = true });
        Assert.Equal(["h-cut.jpg", "i-text.png", "j-empty.tif"], header.Broken);
        Assert.Equal("g-large.webp", header.Names[^1]);
        Assert.Equal(7, header.FileBytes.Length);
    }

    // EXIF: the first stored pixel belongs to the upper right corner, rows are columns.
    private static byte[] Turned(byte[] jpeg)
    {
        byte[] exif = [.. "Exif\0\0"u8, .. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
        return [0xFF, 0xD8, 0xFF, 0xE1, 0, (byte)(exif.Length + 2), .. exif, .. jpeg[2..]];
    }
}

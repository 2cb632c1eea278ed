using InvFusion.Data;
using InvFusion.Imaging;
using Xunit;

namespace InvFusion.Tests.Data;

public sealed class ManifestTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public ManifestTests()
    {
        for (var i = 0; i < 5; i++)
            _folder.Image($"set/{i}.png", 12, 9, i);
        _folder.Text("set/dataset.json", """{"labels": [["0.png", 2], ["1.png", 0], ["2.png", 2], ["3.png", 1], ["4.png", 1]]}""");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_prepared_set_and_its_folder_have_the_same()
    {
        var header = Prepare();
        using var direct = new ResizedSet(ImageSource.Open(_folder["set"]), 8);
        using var cached = CachedDataset.Open(_folder["set.ifds"]);
        var expected = Manifest.Of(direct).ToJson();
        Assert.Equal(expected, Manifest.Of(cached).ToJson());
        Assert.Equal(expected, Manifest.Of(header).ToJson());
        var manifest = Manifest.Of(cached);
        Assert.Equal(("set", 5, 3, 8, "Adm"), (manifest.Source, manifest.Count, manifest.Channels, manifest.Size, manifest.Crop));
        Assert.Equal(new FileInfo(_folder["set/3.png"]).Length, manifest.FileBytes[3]);
        Assert.Equal([2, 0, 2, 1, 1], manifest.Labels);
    }

    [Fact]
    public void It_tells_other_images_another_order_and_other_pixels()
    {
        Prepare();
        using var set = CachedDataset.Open(_folder["set.ifds"]);
        var some = Manifest.Of(set, [3, 1]);
        Assert.Equal(["3.png", "1.png"], some.Names);
        Assert.Equal([1, 0], some.Labels);
        Assert.NotEqual(some.Sha256, Manifest.Of(set, [1, 3]).Sha256);
        Assert.Equal(some.Sha256, Manifest.Of(set, [3, 1]).Sha256);
        using var other = new ResizedSet(ImageSource.Open(_folder["set"]), 8, CropMode.Box);
        Assert.NotEqual(some.Sha256, Manifest.Of(other, [3, 1]).Sha256);
    }

    [Fact]
    public void It_is_read_back_as_it_was_written()
    {
        var manifest = Manifest.Of(Prepare());
        manifest.Save(_folder["m.json"]);
        Assert.Equal(manifest.ToJson(), Manifest.Load(_folder["m.json"]).ToJson());
        _folder.Text("no.json", "{}");
        Assert.Contains("no.json: is not a manifest", Assert.Throws<DataFormatException>(() => Manifest.Load(_folder["no.json"])).Message);
        Assert.Contains("gone.json: cannot be read", Assert.Throws<DataFormatException>(() => Manifest.Load(_folder["gone.json"])).Message);
    }

    [Fact]
    public void A_set_that_knows_nothing_of_files_has_one_too()
    {
        using var set = new MemorySet(3);
        var manifest = Manifest.Of(set);
        Assert.Equal(["0.png", "1.png", "2.png"], manifest.Names);
        Assert.Equal([-1, -1, -1], manifest.FileBytes);
    }

    private CachedHeader Prepare()
    {
        using var source = ImageSource.Open(_folder["set"]);
        return DatasetPreparer.Prepare(source, _folder["set.ifds"], new() { Size = 8 });
    }
}

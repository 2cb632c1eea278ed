using System.IO.Compression;
using InvFusion.Data;
using Xunit;

namespace InvFusion.Tests.Data;

public sealed class DatasetLayoutTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Ffhq_is_split_by_name_whatever_the_order_of_the_archive()
    {
        const int Count = 100_000;
        using (var archive = ZipFile.Open(_folder["ffhq.zip"], ZipArchiveMode.Create))
            for (var i = 0; i < Count; i++)
                archive.CreateEntry(Name((int)(i * 7919L % Count)), CompressionLevel.NoCompression);
        using var train = ImageSource.Open($"ffhq-train:{_folder["ffhq.zip"]}");
        using var test = ImageSource.Open($"ffhq-test:{_folder["ffhq.zip"]}");
        Assert.Equal((60_000, 40_000), (train.Count, test.Count));
        Assert.Equal(["00000/00000.png", "59000/59999.png"], [train.Names[0], train.Names[^1]]);
        Assert.Equal(["60000/60000.png", "99000/99999.png"], [test.Names[0], test.Names[^1]]);
        Assert.Contains("60000/60000.png: is empty", Assert.Throws<DataFormatException>(() => test.Load(0)).Message);

        static string Name(int i) => $"{i / 1000 * 1000:D5}/{i:D5}.png";
    }

    [Fact]
    public void A_folder_of_a_hundred_thousand_files_is_listed_in_order()
    {
        for (var i = 0; i < 100; i++)
        {
            Directory.CreateDirectory(_folder[$"many/{i:D2}"]);
            for (var k = 0; k < 1000; k++)
                File.OpenHandle(_folder[$"many/{i:D2}/{k:D3}.jpg"], FileMode.CreateNew, FileAccess.Write).Dispose();
        }
        using var source = ImageSource.Open(_folder["many"]);
        Assert.Equal(100_000, source.Count);
        Assert.Equal(["00/000.jpg", "42/042.jpg", "99/999.jpg"], [source.Names[0], source.Names[42_042], source.Names[^1]]);
        Assert.Equal(0, source.FileLength(42_042));
    }

    [Fact]
    public void What_is_too_small_for_ffhq_says_so()
    {
        _folder.Image("few/a.png");
        var error = Assert.Throws<DataFormatException>(() => ImageSource.Open($"ffhq-test:{_folder["few"]}"));
        Assert.Contains("holds 1 images; ffhq-test takes its part of all 70,000", error.Message);
    }

    [Fact]
    public void The_classes_of_imagenet_are_those_of_train_in_ordinal_order()
    {
        ImageNet();
        using var train = ImageSource.Open($"imagenet-train:{_folder["imagenet"]}");
        Assert.Equal(3, train.ClassCount);
        Assert.Equal(
            [("n01/a.JPEG", 0), ("n02/b.JPEG", 1), ("n02/sub/c.png", 1), ("n10/a.JPEG", 2)],
            train.Names.Select((name, i) => (name, train.Label(i)))
        );
        Assert.Equal(["readme.txt"], train.Skipped);
        using var val = ImageSource.Open($"imagenet-val:{_folder["imagenet"]}");
        Assert.Equal((120, 3), (val.Count, val.ClassCount)); // n02 has no images there and keeps its number
        Assert.Equal((0, 2), (val.Label(0), val.Label(119)));
        Assert.Equal(8, val.Load(0).Width);
    }

    [Fact]
    public void The_subsets_take_the_first_of_every_fifty_of_a_class()
    {
        ImageNet();
        using var ten = ImageSource.Open($"imagenet-val-10k:{_folder["imagenet"]}");
        int[] expected = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59];
        Assert.Equal([.. expected.Select(i => $"n01/val_{i:D3}.JPEG"), .. expected.Select(i => $"n10/val_{i:D3}.JPEG")], ten.Names);
        Assert.Equal([.. Enumerable.Repeat(0, 20), .. Enumerable.Repeat(2, 20)], Enumerable.Range(0, 40).Select(ten.Label));
        using var one = ImageSource.Open($"imagenet-val-1k:{_folder["imagenet"]}");
        Assert.Equal(["n01/val_000.JPEG", "n01/val_050.JPEG", "n10/val_000.JPEG", "n10/val_050.JPEG"], one.Names);
    }

    [Theory]
    [InlineData("synsets.txt", "n10\nn02\n\nn01\n")]
    [InlineData("LOC_synset_mapping.txt", "n10 tench, Tinca tinca\r\nn02\tgoldfish\r\nn01 shark\r\n")]
    public void A_file_gives_the_classes_another_order(string file, string content)
    {
        ImageNet();
        _folder.Text($"imagenet/{file}", content);
        using var train = ImageSource.Open($"imagenet-train:{_folder["imagenet"]}");
        Assert.Equal([2, 1, 1, 0], Enumerable.Range(0, 4).Select(train.Label));
    }

    [Fact]
    public void Wrong_layouts_are_named()
    {
        ImageNet();
        _folder.Image("imagenet/val/misc/x.png");
        Refused("imagenet-val", "'misc' is none of the 3 classes");
        Directory.Delete(_folder["imagenet/val/misc"], recursive: true);
        _folder.Image("imagenet/val/loose.png");
        Refused("imagenet-val-1k", "loose.png lies in no class folder");
        _folder.Text("imagenet/synsets.txt", "n01\nn01\n");
        Refused("imagenet-train", "synsets.txt: names n01 twice");
        _folder.Text("imagenet/synsets.txt", "\n");
        Refused("imagenet-train", "synsets.txt: has no class");
        Directory.Delete(_folder["imagenet/val"], recursive: true);
        Refused("imagenet-val", "has no folder 'val'");
        Assert.Contains("ffhq-train, ffhq-test", Assert.Throws<DataFormatException>(() => ImageSource.Open("ffhq-tests:nowhere")).Message);

        void Refused(string name, string reason)
        {
            var error = Assert.Throws<DataFormatException>(() => ImageSource.Open($"{name}:{_folder["imagenet"]}"));
            Assert.Contains(reason, error.Message);
            Assert.DoesNotContain('\n', error.Message);
        }
    }

    // Three classes for training, two of them with 60 images in val/.
    private void ImageNet()
    {
        _folder.Image("source.jpg");
        var jpeg = File.ReadAllBytes(_folder["source.jpg"]);
        _folder.File("imagenet/train/n02/b.JPEG", jpeg);
        _folder.File("imagenet/train/n01/a.JPEG", jpeg);
        _folder.Image("imagenet/train/n02/sub/c.png");
        _folder.File("imagenet/train/n10/a.JPEG", jpeg);
        _folder.Text("imagenet/train/readme.txt", "text");
        foreach (var name in new[] { "n10", "n01" })
            for (var i = 0; i < 60; i++)
                _folder.File($"imagenet/val/{name}/val_{i:D3}.JPEG", jpeg);
    }
}

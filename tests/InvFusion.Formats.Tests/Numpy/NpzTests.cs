using System.IO.Compression;
using InvFusion.Formats.Numpy;
using Xunit;

namespace InvFusion.Formats.Tests.Numpy;

public sealed class NpzTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WhatIsWrittenIsRead(bool compress)
    {
        var random = new Random(4);
        var arrays = new Dictionary<string, NpyArray>();
        foreach (var type in Enum.GetValues<ElementType>().Where(t => t != ElementType.BF16))
        {
            var shape = Samples.Shape(random);
            arrays[$"ünï/{type}"] = new NpyArray(type, shape, Samples.Bytes(random, type, shape));
        }
        Npz.Write(_folder.File("x.npz"), arrays, compress);
        using var file = Npz.Read(_folder.File("x.npz"));
        Assert.Equal(arrays.Keys, file.Names);
        foreach (var (name, array) in arrays.Reverse())
        {
            var read = file.Read(name);
            Assert.Equal(array.ElementType, read.ElementType);
            Assert.Equal(array.Shape, read.Shape);
            Assert.Equal(array.Data, read.Data);
        }
    }

    [Fact]
    public void TheSameArraysGiveTheSameBytes()
    {
        var arrays = new Dictionary<string, NpyArray> { ["a"] = NpyArray.FromInt64([1, 2], 2) };
        Npz.Write(_folder.File("a"), arrays, compress: true);
        Npz.Write(_folder.File("b"), arrays, compress: true);
        Assert.Equal(File.ReadAllBytes(_folder.File("a")), File.ReadAllBytes(_folder.File("b")));
    }

    [Fact]
    public void CompressionIsWhatWasAskedFor()
    {
        var arrays = new Dictionary<string, NpyArray> { ["a"] = NpyArray.FromSingles(new float[10_000], 10_000) };
        Npz.Write(_folder.File("stored"), arrays);
        Npz.Write(_folder.File("deflated"), arrays, compress: true);
        Assert.True(new FileInfo(_folder.File("stored")).Length > 40_000);
        Assert.True(new FileInfo(_folder.File("deflated")).Length < 4_000);
    }

    [Fact]
    public void WrongNamesAreRefused()
    {
        var array = NpyArray.FromSingles([1f], 1);
        Assert.Throws<DataFormatException>(() => Npz.Write(_folder.File("x"), [new("a", array), new("a", array)]));
        Assert.Throws<DataFormatException>(() => Npz.Write(_folder.File("x"), [new("", array)]));
        Assert.Empty(_folder.Files);
        Npz.Write(_folder.File("x"), [new("mu", array)]);
        using var file = Npz.Read(_folder.File("x"));
        Assert.Contains("'sigma'; it holds 'mu'", Assert.Throws<DataFormatException>(() => file.Read("sigma")).Message);
    }

    [Fact]
    public void ArchivesThatUnpackToFarMoreThanTheyAreAreRefused()
    {
        var path = _folder.File("bomb.npz");
        using (var zip = ZipFile.Open(path, ZipArchiveMode.Create))
        using (var content = zip.CreateEntry("a.npy", CompressionLevel.Optimal).Open())
            Npy.Write(content, NpyArray.FromBytes(new byte[100 << 20], 100 << 20));
        using var file = Npz.Read(path);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("would unpack", Assert.Throws<DataFormatException>(() => file.Read("a")).Message);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1 << 20);
    }

    [Fact]
    public void FilesThatAreNoArchivesAreRefusedByName()
    {
        foreach (var content in new byte[][] { [], [1, 2, 3], [.. "PK\u0003\u0004"u8, .. new byte[50]] })
        {
            var path = _folder.Write("x.npz", content);
            Assert.StartsWith(path, Assert.Throws<DataFormatException>(() => Npz.Read(path)).Message);
        }
    }
}

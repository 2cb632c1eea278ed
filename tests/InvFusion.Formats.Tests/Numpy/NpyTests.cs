using System.Buffers.Binary;
using System.Text;
using InvFusion.Formats.Numpy;
using InvFusion.Testing;
using Xunit;

namespace InvFusion.Formats.Tests.Numpy;

public sealed class NpyTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void WhatIsWrittenIsRead()
    {
        var random = new Random(1);
        foreach (var type in Enum.GetValues<ElementType>().Where(t => t != ElementType.BF16))
            for (var i = 0; i < 20; i++)
            {
                var shape = Samples.Shape(random);
                var data = Samples.Bytes(random, type, shape);
                Npy.Write(_folder.File("x.npy"), new NpyArray(type, shape, data));
                var array = Npy.Read(_folder.File("x.npy"));
                Assert.Equal((type, data.Length / type.Size()), (array.ElementType, array.Count));
                Assert.Equal(shape, array.Shape);
                Assert.Equal(data, array.Data);
            }
    }

    [Fact]
    public void TheHeaderIsNumpys()
    {
        using var stream = new MemoryStream();
        Npy.Write(stream, NpyArray.FromSingles([1f, 2f], 2));
        var text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }".PadRight(117) + "\n";
        Assert.Equal([0x93, .. "NUMPY"u8, 1, 0, 118, 0, .. Encoding.ASCII.GetBytes(text), 0, 0, 128, 63, 0, 0, 0, 64], stream.ToArray());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void VersionsOneToThreeAreRead(int version)
    {
        var array = Read("{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }", [5, 6], version);
        Assert.Equal([5.0, 6.0], array.ToDoubles());
    }

    [Fact]
    public void FortranOrderBecomesCOrder()
    {
        // [[1, 2, 3], [4, 5, 6]] column by column
        var array = Read("{'descr': '|i1', 'fortran_order': True, 'shape': (2, 3), }", [1, 4, 2, 5, 3, 6]);
        Assert.Equal([1f, 2, 3, 4, 5, 6], array.ToSingles());
    }

    [Fact]
    public void FortranOrderOfThreeDimensionsFollowsTheIndexFormula()
    {
        long[] shape = [2, 3, 4];
        var data = new short[24];
        for (var i = 0; i < 2; i++)
        for (var j = 0; j < 3; j++)
        for (var k = 0; k < 4; k++)
            data[i + 2 * (j + 3 * k)] = (short)((i * 3 + j) * 4 + k);
        var array = Read("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3, 4), }", [.. data.SelectMany(BitConverter.GetBytes)]);
        Assert.Equal(Enumerable.Range(0, 24).Select(i => (float)i), array.ToSingles());
        Assert.Equal(shape, array.Shape);
    }

    [Fact]
    public void BigEndianElementsAndPython2LengthsAreRead()
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteSingleBigEndian(bytes, 1.5f);
        BinaryPrimitives.WriteSingleBigEndian(bytes.AsSpan(4), -3f);
        var array = Read("{\"shape\": (2L,), \"fortran_order\": False, \"descr\": \">f4\"}", bytes);
        Assert.Equal([1.5f, -3f], array.ToSingles());
    }

    [Theory]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "Python objects")]
    [InlineData("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "structured")]
    [InlineData("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "'<c8'")]
    [InlineData("{'descr': '|f4', 'fortran_order': False, 'shape': (1,), }", "'|f4'")]
    [InlineData("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }", "True nor False")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "no length")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "no length")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", "2 GiB")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000,), }", "truncated")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (500000000,), }", "truncated")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", "more bytes")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, }", "missing")]
    [InlineData("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "'descr'")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}", "'x'")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } 1", "follows")]
    [InlineData("{'descr': '<f4", "does not end")]
    [InlineData("", "expected {")]
    public void WrongHeadersAreRefusedWithTheirReason(string header, string reason)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<DataFormatException>(() => Read(header, new byte[8]));
        Assert.Contains(reason, error.Message);
        Assert.Contains("x.npy", error.Message);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 8 << 20, "a claimed size took memory");
    }

    [Fact]
    public void Bfloat16IsRefused()
    {
        var array = new NpyArray(ElementType.BF16, [1], new byte[2]);
        Assert.Contains("BF16", Assert.Throws<DataFormatException>(() => Npy.Write(_folder.File("x.npy"), array)).Message);
        Assert.Empty(_folder.Files);
    }

    [Fact]
    public void EveryGoldenArrayIsRead()
    {
        if (!Directory.Exists(Goldens.Folder))
            Assert.Skip("no vectors beside the repository or in it");
        var paths = Directory.GetFiles(Goldens.Folder, "*.npy", SearchOption.AllDirectories);
        Assert.NotEmpty(paths);
        foreach (var path in paths)
        {
            var array = Npy.Read(path);
            Assert.Equal(array.Shape.Aggregate(1L, (a, b) => a * b), array.ToSingles().Length);
        }
    }

    private NpyArray Read(string header, byte[] data, int version = 1)
    {
        var text = Encoding.UTF8.GetBytes(header);
        var length = version == 1 ? BitConverter.GetBytes((ushort)text.Length) : BitConverter.GetBytes(text.Length);
        return Npy.Read(_folder.Write("x.npy", [0x93, .. "NUMPY"u8, (byte)version, 0, .. length, .. text, .. data]));
    }
}

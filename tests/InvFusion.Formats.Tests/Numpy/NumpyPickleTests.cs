using System.Buffers.Binary;
using System.Text;
using InvFusion.Formats.Numpy;
using InvFusion.Formats.Pickle;
using InvFusion.Formats.Tests.PyTorch;
using Xunit;

namespace InvFusion.Formats.Tests.Numpy;

/// <summary>Pickled arrays, as EDM2's reference statistics are.</summary>
public sealed class NumpyPickleTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("numpy.core.multiarray", "<", false)]
    [InlineData("numpy._core.multiarray", "<", true)]
    [InlineData("numpy.core.multiarray", ">", false)]
    public void ArraysInADictionaryAreRead(string module, string order, bool fortran)
    {
        var elements = new byte[6 * sizeof(double)];
        for (var i = 0; i < 6; i++)
            if (order == "<")
                BinaryPrimitives.WriteDoubleLittleEndian(elements.AsSpan(i * 8), i);
            else
                BinaryPrimitives.WriteDoubleBigEndian(elements.AsSpan(i * 8), i);
        var path = _folder.File("ref.pkl");
        var array = Array(module, "f8", order, [2L, 3L], fortran, elements);
        File.WriteAllBytes(
            path,
            PickleWriter.Write(new Dictionary<string, object?> { ["fid"] = new Dictionary<string, object?> { ["mu"] = array } })
        );
        var root = Assert.IsType<PickleDictionary>(NumpyPickle.Read(path));
        Assert.True(root.TryGetValue("fid", out var fid) & ((PickleDictionary)fid!).TryGetValue("mu", out var mu));
        var read = NumpyPickle.ToArray(mu)!;
        Assert.Equal([2, 3], read.Shape);
        Assert.Equal(fortran ? [0, 2, 4, 1, 3, 5] : [0, 1, 2, 3, 4, 5], read.ToDoubles());
    }

    [Fact]
    public void OtherObjectsAreNoArraysAndContradictionsAreRefused()
    {
        Assert.Null(NumpyPickle.ToArray("text"));
        Assert.Null(NumpyPickle.ToArray(Read(new Made("os", "system", ["true"]))));
        Assert.Null(NumpyPickle.ToArray(Read(Array("numpy.core.multiarray", "O8", "<", [1L], false, new byte[8]))));
        var short8 = Read(Array("numpy.core.multiarray", "f8", "<", [2L], false, new byte[8]));
        Assert.Throws<DataFormatException>(() => NumpyPickle.ToArray(short8));
        File.WriteAllText(_folder.File("x.pkl"), "nothing of the kind");
        Assert.Throws<DataFormatException>(() => NumpyPickle.Read(_folder.File("x.pkl")));
    }

    private object? Read(object? value)
    {
        File.WriteAllBytes(_folder.File("one.pkl"), PickleWriter.Write(value));
        return NumpyPickle.Read(_folder.File("one.pkl"));
    }

    // As numpy's __reduce__ has it under protocol 2: bytes come as Latin-1 text that is encoded again.
    private static Made Array(string module, string type, string order, object?[] shape, bool fortran, byte[] elements) =>
        new(
            module,
            "_reconstruct",
            [new Made("numpy", "ndarray", []), new object?[] { 0L }, "b"],
            State: new object?[]
            {
                1L,
                shape,
                new Made("numpy", "dtype", [type, false, true], State: new object?[] { 3L, order, null, null, null, -1L, -1L, 0L }),
                fortran,
                new Made("_codecs", "encode", [Encoding.Latin1.GetString(elements), "latin1"]),
            }
        );
}

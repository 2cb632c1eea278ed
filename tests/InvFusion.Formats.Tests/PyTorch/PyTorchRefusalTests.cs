using System.IO.Compression;
using InvFusion.Formats.PyTorch;
using Xunit;

namespace InvFusion.Formats.Tests.PyTorch;

public sealed class PyTorchRefusalTests : IDisposable
{
    private const long Bound = 64 << 20;
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void OtherFilesAreRefusedWithTheWayOut()
    {
        byte[] magic = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, (byte)'.'];
        RefusesFile(magic, "truncated"); // the old format with nothing behind its magic number
        RefusesFile(PickleWriter.Write("x"), "plain pickle");
        RefusesFile([], "not a PyTorch checkpoint");
        RefusesFile("PK\u0003\u0004 nothing"u8.ToArray(), "x.pt");
        RefusesFile(TorchFile.Entries([("other", [1])]), "data.pkl");
        RefusesFile(TorchFile.Entries([("data.pkl", PickleWriter.Write(5L)), ("byteorder", "big"u8.ToArray())]), "big-endian");
        RefusesFile(TorchFile.Entries([("data.pkl", PickleWriter.Write(5L)), ("data/0", [1]), ("data/0", [1])]), "twice");
        Assert.Contains("missing", Assert.Throws<DataFormatException>(() => PyTorchCheckpoint.Open(_folder.File("missing"))).Message);
    }

    [Fact]
    public void CompressedArchivesAreRefusedBeforeTheyUnpack()
    {
        var bomb = TorchFile.Entries([("data.pkl", PickleWriter.Write(5L)), ("data/0", new byte[100 << 20])], CompressionLevel.Optimal);
        RefusesFile(bomb, "compressed");
    }

    [Theory]
    [InlineData("FloatStorage", "0", 2, 0, new long[] { 1 }, new long[] { 1 }, "16 bytes")]
    [InlineData("FloatStorage", "0", -2, 0, new long[] { 1 }, new long[] { 1 }, "-2 elements")]
    [InlineData("FloatStorage", "1", 1, 0, new long[] { 1 }, new long[] { 1 }, "lacks the storage '1'")]
    [InlineData("DoubleStorage", "0", 4, 0, new long[] { 1 }, new long[] { 1 }, "16 bytes")]
    [InlineData("FloatStorage", "0", 4, 0, new long[] { 5 }, new long[] { 1 }, "beyond its storage")]
    [InlineData("FloatStorage", "0", 4, 3, new long[] { 2 }, new long[] { 1 }, "beyond its storage")]
    [InlineData("FloatStorage", "0", 4, -1, new long[] { 1 }, new long[] { 1 }, "beyond its storage")]
    [InlineData("FloatStorage", "0", 4, long.MaxValue, new long[] { 1 }, new long[] { 1 }, "beyond its storage")]
    [InlineData("FloatStorage", "0", 4, 0, new long[] { 2 }, new long[] { 4 }, "beyond its storage")]
    [InlineData("FloatStorage", "0", 4, 0, new long[] { 2 }, new long[] { -1 }, "strides")]
    [InlineData("FloatStorage", "0", 4, 0, new long[] { 2, 2 }, new long[] { long.MaxValue, long.MaxValue }, "strides")]
    [InlineData("FloatStorage", "0", 4, 0, new long[] { -1 }, new long[] { 1 }, "shape")]
    [InlineData("FloatStorage", "0", 4, 0, new long[] { 1L << 40, 1L << 40 }, new long[] { 0, 0 }, "shape")]
    [InlineData("FloatStorage", "0", 4, 0, new long[] { 1 << 28 }, new long[] { 0 }, "too often")]
    [InlineData("FloatStorage", "0", 4, 0, new long[] { 1, 1 }, new long[] { 1 }, "size or stride")]
    public void TensorsThatDoNotFitTheirStorageAreRefused(
        string storage,
        string key,
        long count,
        long offset,
        long[] shape,
        long[] strides,
        string reason
    )
    {
        var tensor = new Tensor(storage, key, count, offset, shape, strides);
        RefusesFile(TorchFile.Zip(PickleWriter.Write(tensor), ("0", new byte[16])), reason);
    }

    [Fact]
    public void EveryTruncationOfAPickleIsRefused()
    {
        var pickle = PickleWriter.Write(new Tensor("FloatStorage", "0", 1, 0, [1], [1]));
        for (var length = 0; length < pickle.Length; length++)
            RefusesFile(TorchFile.Zip(pickle[..length], ("0", new byte[4])), "not a valid pickle");
    }

    [Fact]
    public void EveryUnknownInstructionIsRefused()
    {
        const string Known = "(.012BCGJKMNQRTUX]abcdehjlqrstu})";
        for (var opcode = 0; opcode < 256; opcode++)
            if (!Known.Contains((char)opcode) && opcode is < 0x80 or > 0x96 or (> 0x81 and < 0x85))
                Refuses([0x80, 2, (byte)opcode, .. new byte[20]], $"0x{opcode:x2}");
    }

    [Theory]
    [InlineData(new byte[] { (byte)'X', 255, 255, 255, 127, (byte)'a' })] // text
    [InlineData(new byte[] { 0x8d, 255, 255, 255, 255, 255, 255, 255, 255 })] // long text
    [InlineData(new byte[] { (byte)'B', 255, 255, 255, 127 })] // bytes
    [InlineData(new byte[] { 0x8e, 255, 255, 255, 255, 255, 255, 255, 127 })]
    [InlineData(new byte[] { 0x96, 255, 255, 255, 255, 255, 255, 255, 127 })]
    [InlineData(new byte[] { 0x8b, 255, 255, 255, 255 })] // integer
    public void ClaimedSizesTakeNoMemory(byte[] pickle)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        Refuses(pickle, "not a valid pickle");
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1 << 20);
    }

    [Theory]
    [InlineData("R.", "stack")]
    [InlineData("t.", "stack")]
    [InlineData("(0N0.", "stack")]
    [InlineData("N(q\u0001.", "stack")]
    [InlineData("h\u0005.", "memo 5")]
    [InlineData("NN}R.", "arguments")]
    [InlineData("N)R.", "a call")]
    [InlineData("NNa.", "appending")]
    [InlineData("NNNs.", "setting items")]
    [InlineData("}(Nu.", "setting items")]
    [InlineData(")Nb.", "state")]
    [InlineData("NQ.", "not a storage")]
    [InlineData("cabc", "line")]
    [InlineData("\u0080\u0006N.", "protocol 6")]
    public void InstructionsThatDoNotFitAreRefused(string pickle, string reason) => Refuses([.. pickle.Select(c => (byte)c)], reason);

    [Fact]
    public void DeepNestingIsRefused()
    {
        Refuses(Enumerable.Repeat((byte)'(', 100_000).ToArray(), "nested deeper");
    }

    [Fact]
    public void DeepTuplesWithoutMarksAreHarmless()
    {
        using var checkpoint = PyTorchCheckpoint.Open(
            _folder.Write("x.pt", TorchFile.Zip([(byte)')', .. Enumerable.Repeat((byte)0x85, 1_000_000), (byte)'.']))
        );
        Assert.Throws<DataFormatException>(() => checkpoint.StateDict(null));
    }

    [Fact]
    public void ReferencesThatMultiplyTakeNoMemory()
    {
        // Each list holds the one before ten times: 10^300 elements when written out.
        var pickle = new List<byte> { (byte)']', (byte)'q', 0 };
        for (var level = 0; level < 300; level++)
            pickle.AddRange([
                (byte)']',
                (byte)'(',
                .. Enumerable.Repeat(new byte[] { (byte)'h', 0 }, 10).SelectMany(x => x),
                (byte)'e',
                (byte)'q',
                0,
            ]);
        pickle.Add((byte)'.');
        var before = GC.GetAllocatedBytesForCurrentThread();
        using var checkpoint = PyTorchCheckpoint.Open(_folder.Write("x.pt", TorchFile.Zip([.. pickle])));
        Assert.Empty(checkpoint.Entries);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 8 << 20);
    }

    [Theory]
    [InlineData(20, "without end", 10)] // 10^20 modules
    [InlineData(200, "nested without end", 1)]
    public void ModulesThatMultiplyAreRefused(int levels, string reason, int copies)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        using var checkpoint = PyTorchCheckpoint.Open(_folder.Write("x.pt", TorchFile.Zip(ModuleTree(levels, copies))));
        Assert.Contains(reason, Assert.Throws<DataFormatException>(() => checkpoint.StateDict(null)).Message);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < Bound);
    }

    private static byte[] ModuleTree(int levels, int copies)
    {
        static byte[] Text(string s) => [(byte)'X', (byte)s.Length, 0, 0, 0, .. s.Select(c => (byte)c)];
        byte[] open = [(byte)'}', (byte)'(', .. Text("_parameters"), (byte)'}', .. Text("_modules")];
        var pickle = new List<byte>([.. open, (byte)'}', (byte)'u', (byte)'q', 0]);
        for (var level = 0; level < levels; level++)
        {
            pickle.AddRange([.. open, (byte)'}', (byte)'(']);
            for (var i = 0; i < copies; i++)
                pickle.AddRange([.. Text($"{i}"), (byte)'h', 0]);
            pickle.AddRange("uuq\0"u8);
        }
        pickle.Add((byte)'.');
        return [.. pickle];
    }

    private void Refuses(byte[] pickle, string reason) => RefusesFile(TorchFile.Zip(pickle), reason);

    private void RefusesFile(byte[] file, string reason)
    {
        var path = _folder.Write("x.pt", file);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<DataFormatException>(() => PyTorchCheckpoint.Open(path).Dispose());
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < Bound);
        Assert.Contains(reason, error.Message);
        Assert.StartsWith(path, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }
}

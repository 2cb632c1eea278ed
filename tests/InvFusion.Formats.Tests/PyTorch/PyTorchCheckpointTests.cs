using System.Numerics;
using InvFusion.Formats.Pickle;
using InvFusion.Formats.PyTorch;
using Xunit;

namespace InvFusion.Formats.Tests.PyTorch;

public sealed class PyTorchCheckpointTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void StateDictsAndModulesThatPythonPickledAreRead(int protocol)
    {
        using var checkpoint = Open(TorchFile.FromPython(protocol));
        Assert.Equal(["ema", "net", "step", "big"], checkpoint.Entries.Take(4));

        var ema = checkpoint.StateDict(); // a pickled module: no absent bias, no buffer that is not persistent
        Assert.Equal(["layer.weight", "layer.steps"], ema.Keys);
        Assert.Equal([0f, 1, 2, 3, 4, 5], ema["layer.weight"].ReadSingles());
        Assert.Equal([2L, 3], ema["layer.weight"].Shape);
        Assert.Equal([7f], ema["layer.steps"].ReadSingles());
        Assert.Empty(ema["layer.steps"].Shape);

        var net = checkpoint.StateDict("net");
        Assert.Equal(["w", "w.T", "half", "count"], net.Keys);
        Assert.Equal([0f, 3, 1, 4, 2, 5], net["w.T"].ReadSingles());
        Assert.Equal([1.5f, -2f], net["half"].ReadSingles());
        Assert.Equal((ElementType.F16, "cuda:0"), (net["half"].ElementType, net["half"].Storage.Location));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void PlainValuesThatPythonPickledAreRead(int protocol)
    {
        using var checkpoint = Open(TorchFile.FromPython(protocol));
        var root = Assert.IsType<PickleDictionary>(checkpoint.Root);
        Assert.Equal(123456L, Get("step"));
        Assert.Equal(BigInteger.Pow(2, 70), Get("big"));
        Assert.Equal(-5L, Get("neg"));
        Assert.Equal(0.5, Get("lr"));
        Assert.Null(Get("none"));
        Assert.Equal(true, Get("flag"));
        Assert.Equal("größe", Get("name"));
        Assert.Equal(new object?[] { 2L, 3L }, Get("shape"));
        Assert.Equal(new object?[] { 0.9, 0.999 }, Get("betas"));
        Assert.Equal(
            new List<object?>
            {
                1L,
                new List<object?> { 2L, 3L },
            },
            Get("list")
        );
        if (protocol >= 3) // before, Python has no instruction for bytes and writes a call
            Assert.Equal(new byte[] { 0, 255 }, Get("bytes"));

        object? Get(string key) => root.TryGetValue(key, out var value) ? value : throw new KeyNotFoundException(key);
    }

    [Theory]
    [InlineData("DoubleStorage", ElementType.F64)]
    [InlineData("FloatStorage", ElementType.F32)]
    [InlineData("HalfStorage", ElementType.F16)]
    [InlineData("BFloat16Storage", ElementType.BF16)]
    [InlineData("LongStorage", ElementType.I64)]
    [InlineData("IntStorage", ElementType.I32)]
    [InlineData("ShortStorage", ElementType.I16)]
    [InlineData("CharStorage", ElementType.I8)]
    [InlineData("ByteStorage", ElementType.U8)]
    [InlineData("BoolStorage", ElementType.Bool)]
    public void ViewsOfEveryTypeFollowTheIndexFormula(string storage, ElementType type)
    {
        const int Count = 40;
        var random = new Random((int)type);
        var data = Samples.Bytes(random, type, [Count]);
        var size = type.Size();
        // [2, 3, 4] with gaps, and dimensions out of order
        var tensor = new Tensor(storage, "0", Count, 2, [2, 3, 4], [1, 10, 3]);
        using var checkpoint = Open(TorchFile.Zip(PickleWriter.Write(Dictionary(("x", tensor))), ("0", data)));
        var expected = new List<byte>();
        for (var i = 0; i < 2; i++)
        for (var j = 0; j < 3; j++)
        for (var k = 0; k < 4; k++)
            expected.AddRange(data.AsSpan((2 + i + 10 * j + 3 * k) * size, size));
        var read = checkpoint.StateDict(null)["x"];
        Assert.Equal(type, read.ElementType);
        Assert.Equal(expected, read.ReadBytes());
        Assert.Equal(ElementConversion.ToSingles(type, expected.ToArray()), read.ReadSingles());
    }

    [Fact]
    public void RandomContiguousTensorsScalarsAndEmptyOnesAreReadBack()
    {
        var random = new Random(3);
        for (var round = 0; round < 50; round++)
        {
            var shape = Samples.Shape(random);
            var count = shape.Aggregate(1L, (a, b) => a * b);
            var data = TorchFile.Singles([.. Enumerable.Range(0, (int)count + 5).Select(_ => random.NextSingle())]);
            var tensor = new Tensor("FloatStorage", "7", count + 5, 5, shape, Tensor.Contiguous(shape));
            using var checkpoint = Open(TorchFile.Zip(PickleWriter.Write(Dictionary(("ünï", tensor))), ("7", data)));
            Assert.Equal(data[20..], checkpoint.StateDict(null)["ünï"].ReadBytes());
        }
    }

    [Fact]
    public void ExpandedTensorsRepeatTheirElements()
    {
        var tensor = new Tensor("FloatStorage", "0", 2, 0, [3, 2], [0, 1]);
        using var checkpoint = Open(TorchFile.Zip(PickleWriter.Write(Dictionary(("x", tensor))), ("0", TorchFile.Singles(1, 2))));
        Assert.Equal([1f, 2, 1, 2, 1, 2], checkpoint.StateDict(null)["x"].ReadSingles());
    }

    [Fact]
    public void ClassesThatAreUnknownStayDataAndNothingIsRun()
    {
        var marker = _folder.File("executed");
        var root = Dictionary(
            ("evil", new Made("os", "system", [$"touch {marker}"])),
            ("made", new Made("my.code", "Net", [], 5L, New: true))
        );
        using var checkpoint = Open(TorchFile.Zip(PickleWriter.Write(root)));
        var values = Assert.IsType<PickleDictionary>(checkpoint.Root).Items.Select(i => Assert.IsType<PickleObject>(i.Value)).ToArray();
        Assert.Equal("os.system", values[0].Class.ToString());
        Assert.Equal([$"touch {marker}"], values[0].Arguments);
        Assert.Equal(("my.code", "Net", 5L), (values[1].Class.Module, values[1].Class.Name, values[1].State));
        Assert.False(File.Exists(marker));
    }

    [Fact]
    public void ModulesRebuiltFromOneDictionaryGiveTheirStateDict()
    {
        var layer = new Made("torch.nn", "Conv", [], Module(Dictionary(("weight", Scalar)), []), New: true);
        var meta = Dictionary(("type", "class"), ("class_name", "Net"), ("state", Module([], Dictionary(("conv", layer)))));
        var root = Dictionary(("ema", new Made("torch_utils.persistence", "_reconstruct_persistent_obj", [meta])));
        using var checkpoint = Open(TorchFile.Zip(PickleWriter.Write(root), ("0", TorchFile.Singles(4))));
        Assert.Equal(["conv.weight"], checkpoint.StateDict().Keys);
    }

    [Fact]
    public void ParametersAndTensorsWithAttributesAreTensors()
    {
        var withAttributes = new Made(
            "torch._utils",
            "_rebuild_parameter_with_state",
            [Scalar, true, new Made("collections", "OrderedDict", []), Dictionary(("a", 1L))]
        );
        var built = new Made("torch._utils", "_rebuild_parameter", [Scalar, true, null], Dictionary(("tag", 1L)));
        using var checkpoint = Open(
            TorchFile.Zip(PickleWriter.Write(Dictionary(("p", withAttributes), ("q", built))), ("0", TorchFile.Singles(4)))
        );
        Assert.All(checkpoint.StateDict(null).Values, t => Assert.Equal([4f], t.ReadSingles()));
    }

    [Fact]
    public void WrongEntriesAreRefusedWithWhatTheFileHolds()
    {
        var root = Dictionary(("net", Dictionary(("w", Scalar))), ("step", 5L), ("mixed", Dictionary(("w", Scalar), ("n", 5L))));
        using var checkpoint = Open(TorchFile.Zip(PickleWriter.Write(root), ("0", TorchFile.Singles(4))));
        Refuses("ema", "no entry 'ema'; it has 'net', 'step', 'mixed'");
        Refuses("step", "entry 'step' is the value '5'");
        Refuses("mixed", "'n' is the value '5'");
        Refuses(null, "'net' is a dictionary");

        void Refuses(string? entry, string reason) =>
            Assert.Contains(reason, Assert.Throws<DataFormatException>(() => checkpoint.StateDict(entry)).Message);
    }

    [Fact]
    public void TensorsOfUnsupportedTypesAreRefusedOnlyWhenWanted()
    {
        var complex = new Tensor("ComplexFloatStorage", "0", 1, 0, [1], [1]);
        var root = Dictionary(("ema", Dictionary(("w", Scalar))), ("other", Dictionary(("c", complex))));
        using var checkpoint = Open(TorchFile.Zip(PickleWriter.Write(root), ("0", TorchFile.Singles(4))));
        Assert.Equal([4f], checkpoint.StateDict()["w"].ReadSingles());
        Assert.Contains("'c'", Assert.Throws<DataFormatException>(() => checkpoint.StateDict("other")).Message);
    }

    [Fact]
    public void TensorsOfAClosedCheckpointSaySo()
    {
        var checkpoint = Open(TorchFile.FromPython(2));
        var tensor = checkpoint.StateDict()["layer.weight"];
        checkpoint.Dispose();
        Assert.Throws<ObjectDisposedException>(() => tensor.ReadSingles());
    }

    private static Tensor Scalar => new("FloatStorage", "0", 1, 0, [1], [1]);

    private static Dictionary<string, object?> Dictionary(params (string Key, object? Value)[] items) =>
        items.ToDictionary(i => i.Key, i => i.Value);

    private static Dictionary<string, object?> Module(Dictionary<string, object?> parameters, Dictionary<string, object?> modules) =>
        Dictionary(("training", true), ("_parameters", parameters), ("_buffers", Dictionary()), ("_modules", modules));

    private PyTorchCheckpoint Open(byte[] file) => PyTorchCheckpoint.Open(_folder.Write("x.pt", file));
}

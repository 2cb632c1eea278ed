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
    [InlineData("w", "b")]
    [InlineData("module.w", "module.b")]
    [InlineData("_orig_mod.w", "_orig_mod.b")]
    [InlineData("module._orig_mod.w", "module._orig_mod.b")]
    [InlineData("_orig_mod.module.w", "_orig_mod.module.b")]
    [InlineData("module.w", "module.b", "n_averaged")] // of AveragedModel
    [InlineData("unet._orig_mod.w", "unet.b")] // only a part was compiled
    [InlineData("module.w", "b")] // a part that is called so
    public void APlainStateDictIsReadWithoutTheNamesOfWhatWrappedIt(params string[] names)
    {
        var state = names.ToDictionary(n => n, _ => (object?)new Tensor("FloatStorage", "0", 2, 0, [2], [1]));
        using var checkpoint = Open(TorchFile.Zip(PickleWriter.Write(state), ("0", TorchFile.Singles(3, 4))));
        string[] expected =
            names[0].StartsWith("unet", StringComparison.Ordinal) ? ["unet.w", "unet.b"]
            : names is ["module.w", "b"] ? names
            : ["w", "b"];
        Assert.Equal(expected, checkpoint.FindStateDict().Keys);
        Assert.Equal([3f, 4], checkpoint.StateDict(null)[expected[0]].ReadSingles());
    }

    [Fact]
    public void NamesThatFallTogetherWithoutTheirWrapperAreRefused()
    {
        var state = new[] { "unet._orig_mod.w", "unet.w" }.ToDictionary(
            n => n,
            _ => (object?)new Tensor("FloatStorage", "0", 2, 0, [2], [1])
        );
        using var checkpoint = Open(TorchFile.Zip(PickleWriter.Write(state), ("0", TorchFile.Singles(3, 4))));
        Assert.Contains("with and without '_orig_mod.'", Assert.Throws<DataFormatException>(() => checkpoint.FindStateDict()).Message);
    }

    [Fact]
    public void TheEntryThatIsEvaluatedIsFoundAndWhatIsNoneIsSaid()
    {
        var tensor = new Tensor("FloatStorage", "0", 2, 0, [2], [1]);
        var root = new Dictionary<string, object?>
        {
            ["state_dict"] = new Dictionary<string, object?> { ["s"] = tensor },
            ["ema"] = new Dictionary<string, object?> { ["e"] = tensor },
        };
        using (var both = Open(TorchFile.Zip(PickleWriter.Write(root), ("0", TorchFile.Singles(3, 4)))))
            Assert.Equal(["e"], both.FindStateDict().Keys);
        root.Remove("ema");
        using (var one = Open(TorchFile.Zip(PickleWriter.Write(root), ("0", TorchFile.Singles(3, 4)))))
            Assert.Equal(["s"], one.FindStateDict().Keys);
        using var none = Open(
            TorchFile.Zip(
                PickleWriter.Write(new Dictionary<string, object?> { ["net"] = root, ["step"] = 3L }),
                ("0", TorchFile.Singles(3, 4))
            )
        );
        Assert.Contains(
            "name the entry that is one, of 'net', 'step'",
            Assert.Throws<DataFormatException>(() => none.FindStateDict()).Message
        );
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AnOrderedDictionaryOfPython2IsMadeOfPairs(bool lists)
    {
        var tensor = new Tensor("FloatStorage", "0", 2, 0, [2], [1]);
        object? Pair(string name) => lists ? new List<object?> { name, tensor } : new object?[] { name, tensor };
        var metadata = new Dictionary<string, object?> { ["_metadata"] = new Dictionary<string, object?> { [""] = 1L } };
        var state = new Made("collections", "OrderedDict", [new List<object?> { Pair("w"), Pair("b") }], metadata);
        using var checkpoint = Open(TorchFile.Zip(PickleWriter.Write(state), ("0", TorchFile.Singles(3, 4))));
        Assert.Equal(["w", "b"], checkpoint.FindStateDict().Keys);
        Assert.IsType<PickleDictionary>(Assert.IsType<PickleDictionary>(checkpoint.Root).Attributes);
    }

    [Fact]
    public void ADictionaryThatIsMadeOverAndOverIsRefused()
    {
        // A list of 50 pairs in memo 0, and 500 dictionaries of it.
        byte[] pairs = [.. Enumerable.Repeat((byte[])[(byte)'N', (byte)'N', 0x86], 50).SelectMany(p => p)];
        byte[] list = [(byte)']', (byte)'q', 0, (byte)'(', .. pairs, (byte)'e', (byte)'0'];
        byte[] call = [.. "ccollections\nOrderedDict\n"u8, (byte)'q', 1, (byte)'0'];
        byte[] make = [(byte)'h', 1, (byte)'h', 0, 0x85, (byte)'R', (byte)'0'];
        byte[] pickle = [0x80, 2, .. list, .. call, .. Enumerable.Repeat(make, 500).SelectMany(m => m), (byte)'N', (byte)'.'];
        Assert.Contains("dictionaries without end", Assert.Throws<DataFormatException>(() => Open(TorchFile.Zip(pickle))).Message);
    }

    [Theory]
    [InlineData("alex.pth", 5)]
    [InlineData("vgg.pth", 5)]
    [InlineData("squeeze.pth", 7)]
    public void ThePublishedWeightingsOfLpipsAreRead(string name, int layers)
    {
        var path = InvFusion.Testing.SharedData.Find(Path.Combine("weights", "lpips", name));
        Assert.SkipWhen(path is null, "no published weights here");
        using var file = NamedTensors.Open(path!);
        Assert.Equal(Enumerable.Range(0, layers).Select(i => $"lin{i}.model.1.weight"), file.Shapes.Keys);
        Assert.All(file.Shapes.Keys, key => Assert.All(file.ReadSingles(key), w => Assert.True(float.IsFinite(w))));
    }

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

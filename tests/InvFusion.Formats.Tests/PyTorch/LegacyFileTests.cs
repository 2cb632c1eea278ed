using InvFusion.Formats.PyTorch;
using Xunit;

namespace InvFusion.Formats.Tests.PyTorch;

/// <summary>What torch.save wrote before PyTorch 1.6.</summary>
public sealed class LegacyFileTests : IDisposable
{
    private static readonly byte[] Magic = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, (byte)'.'];
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TensorsAndParametersOfOldFilesAreRead()
    {
        var path = Save(Machine(), StateDict(), ["b", "a"], Storage(2, 7, 8), Storage(6, 0, 1, 2, 3, 4, 5));
        using var file = PyTorchCheckpoint.Open(path);
        var tensors = file.StateDict(null);
        Assert.Equal(["w", "p"], tensors.Keys);
        Assert.Equal([2, 3], tensors["w"].Shape);
        Assert.Equal([0f, 1, 2, 3, 4, 5], tensors["w"].ReadSingles());
        Assert.Equal([7f, 8], tensors["p"].ReadSingles());
        using var named = NamedTensors.Open(path);
        Assert.Equal([7f, 8], named.ReadSingles("p"));
    }

    [Fact]
    public void DamagedOldFilesAreRefused()
    {
        Refuses(Save(Machine(), StateDict(), ["b", "a"], Storage(2, 7, 8), Storage(6, 0, 1, 2, 3, 4)), "truncated in the storage 'a'");
        Refuses(
            Save(Machine(), StateDict(), ["b", "a"], Storage(3, 7, 8, 9), Storage(6, 0, 1, 2, 3, 4, 5)),
            "storage 'b' does not have the 2"
        );
        Refuses(Save(Machine(), StateDict(), ["a"], Storage(6, 0, 1, 2, 3, 4, 5)), "lacks the storage 'b'");
        Refuses(Save(Machine(), StateDict(), ["a", "x"], Storage(6, 0, 1, 2, 3, 4, 5), Storage(0)), "nothing in it uses");
        Refuses(Save(Machine(little: false), StateDict(), [], []), "big-endian");
        Refuses(Save(Machine(), StateDict(), ["b", "a"]), "truncated");
        File.WriteAllBytes(_folder.File("x.pt"), [.. Magic, .. PickleWriter.Write(1002L)]);
        Refuses(_folder.File("x.pt"), "version");
    }

    private void Refuses(string path, string words) =>
        Assert.Contains(words, Assert.Throws<DataFormatException>(() => PyTorchCheckpoint.Open(path)).Message, StringComparison.Ordinal);

    private string Save(object machine, object root, object?[] keys, params byte[][] storages)
    {
        var path = _folder.File("old.pt");
        byte[] head =
        [
            .. Magic,
            .. PickleWriter.Write(1001L),
            .. PickleWriter.Write(machine),
            .. PickleWriter.Write(root),
            .. PickleWriter.Write(new List<object?>(keys)),
        ];
        File.WriteAllBytes(path, [.. head, .. storages.SelectMany(s => s)]);
        return path;
    }

    private static Dictionary<string, object?> Machine(bool little = true) =>
        new() { ["protocol_version"] = 1001L, ["little_endian"] = little };

    // A tensor as it is, and one in a parameter object of PyTorch before 0.4.
    private static Dictionary<string, object?> StateDict() =>
        new()
        {
            ["w"] = new Tensor("FloatStorage", "a", 6, 0, [2, 3], [3, 1]),
            ["p"] = new Made(
                "torch.nn.parameter",
                "Parameter",
                [new Tensor("FloatStorage", "b", 2, 0, [2], [1])],
                State: new object?[] { true, null }
            ),
        };

    private static byte[] Storage(long count, params float[] values) => [.. BitConverter.GetBytes(count), .. TorchFile.Singles(values)];
}

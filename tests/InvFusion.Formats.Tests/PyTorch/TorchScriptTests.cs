using Xunit;

namespace InvFusion.Formats.Tests.PyTorch;

/// <summary>Archives of torch.jit.save: a tree of modules of the archive's own classes.</summary>
public sealed class TorchScriptTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TensorsOfATreeOfModulesAreNamedByTheirPlace()
    {
        var inner = Module(("weight", new Tensor("FloatStorage", "0", 4, 0, [2, 2], [2, 1])), ("stride", 2L), ("training", false));
        var root = Module(
            ("training", false),
            ("layers", Module(("conv", inner), ("empty", Module(("flag", true))))),
            ("scale", new Tensor("FloatStorage", "1", 1, 0, [], [])),
            ("hooks", null)
        );
        var path = _folder.File("script.pt");
        var archive = TorchFile.Entries([
            ("data.pkl", PickleWriter.Write(root)),
            ("constants.pkl", PickleWriter.Write(Array.Empty<object?>())),
            ("code/__torch__/net.py", "def forward(self): raise"u8.ToArray()),
            ("data/0", TorchFile.Singles(1, 2, 3, 4)),
            ("data/1", TorchFile.Singles(5)),
        ]);
        File.WriteAllBytes(path, archive);
        using var file = NamedTensors.Open(path);
        Assert.Equal(["layers.conv.weight", "scale"], file.Shapes.Keys);
        Assert.Equal([1f, 2, 3, 4], file.ReadSingles("layers.conv.weight"));
        Assert.Equal([5f], file.ReadSingles("scale"));
    }

    private static Made Module(params (string Name, object? Value)[] attributes) =>
        new("__torch__.net", "Module", [], attributes.ToDictionary(a => a.Name, a => a.Value), New: true);
}

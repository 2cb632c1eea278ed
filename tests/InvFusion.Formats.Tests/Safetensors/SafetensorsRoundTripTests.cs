using System.Buffers.Binary;
using InvFusion.Formats.Safetensors;
using InvFusion.Testing;
using Xunit;

namespace InvFusion.Formats.Tests.Safetensors;

public sealed class SafetensorsRoundTripTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void WhatIsWrittenIsRead()
    {
        for (var seed = 0; seed < 100; seed++)
        {
            var tensors = Samples.Tensors(seed);
            var metadata = Samples.Names.Take(seed % 7).ToDictionary(n => n, n => n + seed);
            SafetensorsWriter.Write(_folder.File("x"), [.. tensors.Select(t => t.Tensor)], metadata);
            using var file = SafetensorsFile.Open(_folder.File("x"));
            Assert.Equal(metadata, file.Metadata);
            Assert.Equal(tensors.Count, file.Tensors.Count);
            foreach (var (tensor, data) in tensors)
            {
                var entry = file.Tensors[tensor.Name];
                Assert.Equal(tensor.Name, entry.Name);
                Assert.Equal(tensor.ElementType, entry.ElementType);
                Assert.Equal(tensor.Shape, entry.Shape);
                Assert.Equal(data, file.Bytes(tensor.Name));
                Assert.Equal(ElementConversion.ToSingles(tensor.ElementType, data), file.ReadSingles(tensor.Name));
            }
        }
    }

    [Fact]
    public void HeaderIsPaddedAndEveryTensorIsAligned()
    {
        SafetensorsWriter.Write(
            _folder.File("x"),
            [new TensorToWrite("odd", ElementType.U8, [3], new byte[3]), TensorToWrite.Singles("single", [2], new float[] { 1, -2 })]
        );
        var bytes = File.ReadAllBytes(_folder.File("x"));
        var header = BinaryPrimitives.ReadInt64LittleEndian(bytes);
        Assert.Equal(0, header % 8);
        Assert.Equal(1f, BitConverter.ToSingle(bytes, 8 + (int)header)); // the larger elements come first
        Assert.Equal(8 + header + 8 + 3, bytes.Length);
    }

    [Fact]
    public void NoTemporaryFileRemainsAndTheOldFileSurvivesAFailure()
    {
        SafetensorsWriter.Write(_folder.File("x"), [TensorToWrite.Singles("a", [1], new float[] { 7 })]);
        var bad = new TensorToWrite("a", ElementType.F32, [2], new byte[4]);
        var error = Assert.Throws<DataFormatException>(() => SafetensorsWriter.Write(_folder.File("x"), [bad]));
        Assert.Contains("'a' wrote 4 bytes", error.Message);
        Assert.Equal(["x"], _folder.Files);
        using var file = SafetensorsFile.Open(_folder.File("x"));
        Assert.Equal([7f], file.ReadSingles("a"));
    }

    [Fact]
    public void WriterRefusesRepeatedAndReservedNamesAndImpossibleShapes()
    {
        var one = new TensorToWrite("a", ElementType.U8, [], new byte[1]);
        Refuses(one, one);
        Refuses(new TensorToWrite("__metadata__", ElementType.U8, [], new byte[1]));
        Refuses(new TensorToWrite("a", ElementType.U8, [-1], Array.Empty<byte>()));
        Assert.Empty(_folder.Files);

        void Refuses(params TensorToWrite[] tensors) =>
            Assert.Throws<DataFormatException>(() => SafetensorsWriter.Write(_folder.File("x"), tensors));
    }

    [Fact]
    public void AskingForAnUnknownTensorNamesItAndAClosedFileSaysSo()
    {
        SafetensorsWriter.Write(_folder.File("x"), []);
        var file = SafetensorsFile.Open(_folder.File("x"));
        Assert.Contains("'nope'", Assert.Throws<DataFormatException>(() => file.ReadSingles("nope")).Message);
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.Bytes("nope").Length);
    }

    [Fact]
    public void AFileThatShrinksInUseIsNamed()
    {
        var path = _folder.File("x");
        SafetensorsWriter.Write(path, [new("a", ElementType.F32, [1 << 16], new byte[4 << 16])]);
        using var file = SafetensorsFile.Open(path);
        using (var stream = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            stream.SetLength(4096);
        var message = Assert.Throws<DataFormatException>(() => file.ReadSingles("a")).Message;
        Assert.StartsWith(path, message);
        Assert.Contains("was truncated while it was read (tensor 'a')", message);
    }

    [Fact]
    public void EveryGoldenFileIsRead()
    {
        if (!Directory.Exists(Goldens.Folder))
            Assert.Skip("no vectors beside the repository or in it");
        var paths = Directory.GetFiles(Goldens.Folder, "*.safetensors", SearchOption.AllDirectories);
        Assert.NotEmpty(paths);
        foreach (var path in paths)
        {
            using var file = SafetensorsFile.Open(path);
            Assert.NotEmpty(file.Tensors);
            foreach (var entry in file.Tensors.Values)
                Assert.All(file.ReadSingles(entry.Name).Take(1000), x => Assert.True(float.IsFinite(x), $"{path} {entry.Name}"));
        }
    }
}

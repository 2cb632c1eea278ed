using System.Buffers.Binary;
using InvFusion.Formats.TensorFlow;
using Xunit;

namespace InvFusion.Formats.Tests.TensorFlow;

/// <summary>TensorFlow.js manifests with quantised and plain tensors, in one file and in several.</summary>
public sealed class ManifestFileTests : IDisposable
{
    /// <summary>a [2, 2] quantised, b [1] plain: 8 bytes.</summary>
    public const string Json = """
        [{"weights":[
          {"name":"a","shape":[2,2],"dtype":"float32","quantization":{"dtype":"uint8","scale":0.5,"min":-3}},
          {"name":"b","shape":[1],"dtype":"float32"}],
          "paths":["x.bin"]}]
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(8)]
    [InlineData(6)] // b begins in one file and ends in the other
    [InlineData(2)]
    public void TensorsFollowOneAnotherThroughTheFiles(int first)
    {
        var bytes = Elements();
        _folder.Write("x.bin", bytes[..first]);
        _folder.Write("y.bin", bytes[first..]);
        var path = Manifest(first == 8 ? Json : Json.Replace("\"x.bin\"", "\"x.bin\",\"y.bin\""));
        using var file = NamedTensors.Open(path);
        Assert.Equal(["a", "b"], file.Shapes.Keys.Order());
        Assert.Equal([2L, 2L], file.Shapes["a"]);
        Assert.Equal([-3f, -2.5f, 97f, 124.5f], file.ReadSingles("a"));
        Assert.Equal([1.25f], file.ReadSingles("b"));
        Assert.Equal(first == 8 ? 1 : 2, ManifestFile.FilesOf(path).Count);
    }

    [Theory]
    [InlineData("", "8 bytes")] // nothing changed but the file, which is one byte short
    [InlineData("\"x.bin\"|\"../x.bin\"", "'../x.bin'")]
    [InlineData("\"x.bin\"|\"z.bin\"", "z.bin, which is missing")]
    [InlineData("\"b\"|\"a\"", "'a' occurs twice", true)]
    [InlineData("[2,2]|[2,-2]", "[2, -2]")]
    [InlineData("uint8|uint16", "uint8")]
    [InlineData("\"shape\":[1],\"dtype\":\"float32\"|\"shape\":[1],\"dtype\":\"int32\"", "'b' is not of float32")]
    [InlineData("\"scale\":0.5,|", "'scale'")]
    [InlineData("\"scale\":0.5|\"scale\":\"much\"", "manifest")]
    [InlineData("}]|", "manifest")]
    public void WhatIsDamagedIsRefusedInOneLine(string change, string expected, bool whole = false)
    {
        _folder.Write("x.bin", whole ? Elements() : Elements()[..^1]);
        var parts = change.Split('|');
        var path = Manifest(change.Length == 0 ? Json : Json.Replace(parts[0], parts[1]));
        var message = Assert.Throws<DataFormatException>(() => NamedTensors.Open(path)).Message;
        Assert.StartsWith(path, message);
        Assert.Contains(expected, message);
        Assert.DoesNotContain('\n', message);
    }

    /// <summary>The elements that <see cref="Json"/> describes.</summary>
    public static byte[] Elements()
    {
        byte[] bytes = [0, 1, 200, 255, 0, 0, 0, 0];
        BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(4), 1.25f);
        return bytes;
    }

    private string Manifest(string json) => _folder.Write("m.json", System.Text.Encoding.UTF8.GetBytes(json));
}

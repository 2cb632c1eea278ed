using System.Buffers.Binary;
using System.Text;
using InvFusion.Formats.Safetensors;
using Xunit;

namespace InvFusion.Formats.Tests.Safetensors;

public sealed class SafetensorsRefusalTests : IDisposable
{
    private const string One = """{"dtype":"F32","shape":[1],"data_offsets":[0,4]}""";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TheFileThatTheOtherTestsSpoilIsFine()
    {
        using var file = Open("{\"a\":" + One + "}", 4);
        Assert.Equal([0f], file.ReadSingles("a"));
    }

    [Theory]
    [InlineData("[]", 0, "header is not")]
    [InlineData("{\"a", 0, "JSON")]
    [InlineData("{}x", 0, "JSON")]
    [InlineData("{\"a\":1}", 0, "'a'")]
    [InlineData("{\"a\":{}}", 0, "lacks")]
    [InlineData("{\"a\":{\"dtype\":\"F8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1, "'F8'")]
    [InlineData("{\"a\":{\"dtype\":\"f32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "'f32'")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4, "'x'")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "'shape'")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "not the size")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "no size")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "no size")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0, "not the size")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "not the size")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "two data_offsets")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "hole")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 3, "truncated")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5, "belong to no tensor")]
    [InlineData("{\"__metadata__\":{\"k\":1}}", 0, "'k'")]
    [InlineData("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, "twice")]
    [InlineData("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "twice")]
    public void AHeaderThatDoesNotDescribeItsFileIsRefused(string header, int dataBytes, string reason)
    {
        var error = Assert.Throws<DataFormatException>(() => Open(header, dataBytes));
        Assert.Contains(reason, error.Message);
        Assert.Contains("x.safetensors", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    /// <summary>The parser quotes what it cannot read, whole.</summary>
    [Theory]
    [InlineData('t')]
    [InlineData('\u001b')]
    public void AMessageIsShortWhateverTheHeaderHolds(char letter)
    {
        var error = Assert.Throws<DataFormatException>(() => Open("{\"a\":t" + new string(letter, 5000), 0));
        Assert.InRange(error.Message.Length, 0, 400);
        Assert.DoesNotContain(error.Message, char.IsControl);
    }

    [Fact]
    public void RepeatedNamesAndOverlapsAreRefused()
    {
        Assert.Contains("twice", Assert.Throws<DataFormatException>(() => Open($"{{\"a\":{One},\"a\":{One}}}", 4)).Message);
        Assert.Contains("overlaps", Assert.Throws<DataFormatException>(() => Open($"{{\"a\":{One},\"b\":{One}}}", 4)).Message);
    }

    [Fact]
    public void NamesThatAreNotUtf8AreRefused()
    {
        byte[] header = [.. "{\""u8, 0xff, .. Encoding.ASCII.GetBytes($"\":{One}}}")];
        Assert.Throws<DataFormatException>(() => Open(header, 4));
    }

    [Theory]
    [InlineData(0ul)]
    [InlineData(1000ul)]
    [InlineData(ulong.MaxValue)]
    [InlineData(long.MaxValue + 1ul)]
    public void AHeaderLengthOutsideTheFileIsRefused(ulong length)
    {
        var bytes = new byte[100];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        Assert.Throws<DataFormatException>(() => SafetensorsFile.Open(_folder.Write("x", bytes)));
    }

    [Fact]
    public void MissingAndEmptyFilesAndFoldersAreRefusedByName()
    {
        foreach (var path in new[] { _folder.File("missing"), _folder.Write("empty", []), Path.GetDirectoryName(_folder.File("x"))! })
            Assert.Contains(path, Assert.Throws<DataFormatException>(() => SafetensorsFile.Open(path)).Message);
    }

    private SafetensorsFile Open(string header, int dataBytes) => Open(Encoding.UTF8.GetBytes(header), dataBytes);

    private SafetensorsFile Open(byte[] header, int dataBytes) =>
        SafetensorsFile.Open(
            _folder.Write("x.safetensors", [.. BitConverter.GetBytes((long)header.Length), .. header, .. new byte[dataBytes]])
        );
}

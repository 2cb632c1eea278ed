using System.IO.Compression;
using InvFusion.Data;
using Xunit;

namespace InvFusion.Tests.Data;

public sealed class IdxSetTests : IDisposable
{
    private static readonly byte[] Images = [0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    private static readonly byte[] Labels = [0, 0, 8, 1, 0, 0, 0, 3, 4, 0, 9];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData(".gz")]
    public void Images_come_with_the_labels_beside_them(string suffix)
    {
        _folder.File($"t10k-images-idx3-ubyte{suffix}", Pack(Images, suffix));
        _folder.File($"t10k-labels-idx1-ubyte{suffix}", Pack(Labels, suffix));
        var path = _folder[$"t10k-images-idx3-ubyte{suffix}"];
        Assert.True(IdxSet.IsIdx(path));
        using var set = IdxSet.Open(path);
        Assert.Equal((3, 1, 2, 10), (set.Count, set.Channels, set.Size, set.ClassCount));
        Assert.Equal([4, 0, 9], [set.Label(0), set.Label(1), set.Label(2)]);
        var pixels = new byte[4];
        set.Read(2, pixels);
        Assert.Equal([9, 10, 11, 12], pixels);
    }

    [Fact]
    public void Without_labels_there_are_none()
    {
        _folder.File("images-idx3-ubyte", Images);
        using var set = IdxSet.Open(_folder["images-idx3-ubyte"]);
        Assert.Equal((0, -1), (set.ClassCount, set.Label(0)));
    }

    [Fact]
    public void Wrong_files_are_named()
    {
        Refused(Images[..^1], "is truncated");
        Refused([.. Images, 0], "is longer than its header says");
        Refused([.. Labels, .. new byte[8]], "starts with 00000801");
        Refused([.. Images[..11], 4, .. Images[12..], .. Images[16..]], "its images are 2x4");
        Refused([0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 0, 2, 0, 0, 0, 2], "claims -1x2x2");
        Refused([], "is truncated");
        _folder.File("labels-idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, 2, 1, 1]);
        Refused(Images, "has 2 labels for 3 images");
        _folder.File("images-idx3-ubyte.gz", Images);
        Assert.Contains(
            "ubyte.gz: is truncated or cannot be read",
            Assert.Throws<DataFormatException>(() => IdxSet.Open(_folder["images-idx3-ubyte.gz"])).Message
        );
        Assert.Contains("no such file", Assert.Throws<DataFormatException>(() => IdxSet.Open(_folder["none-idx3-ubyte"])).Message);

        void Refused(byte[] content, string reason)
        {
            _folder.File("images-idx3-ubyte", content);
            Assert.Contains(reason, Assert.Throws<DataFormatException>(() => IdxSet.Open(_folder["images-idx3-ubyte"])).Message);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData(".gz")]
    public void A_claim_beyond_the_file_is_refused_before_memory_is_taken(string suffix)
    {
        byte[] claim = [0, 0, 8, 3, 0, 0, 0x40, 0, 0, 0, 1, 0, 0, 0, 1, 0, .. new byte[60]]; // 16384 images of 256x256
        _folder.File("images-idx3-ubyte" + suffix, Pack(claim, suffix));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var message = Assert.Throws<DataFormatException>(() => IdxSet.Open(_folder["images-idx3-ubyte" + suffix])).Message;
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.Contains("is truncated (claims 16384x256x256 bytes", message);
    }

    private static byte[] Pack(byte[] content, string suffix)
    {
        if (suffix.Length == 0)
            return content;
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionMode.Compress))
            gzip.Write(content);
        return packed.ToArray();
    }
}

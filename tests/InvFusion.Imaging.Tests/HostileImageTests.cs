using System.Buffers.Binary;
using BitMiracle.LibTiff.Classic;
using InvFusion.Testing;

namespace InvFusion.Imaging.Tests;

/// <summary>Files that claim more than they hold, or less than a whole picture: refused by name before memory is taken.</summary>
public class HostileImageTests
{
    private const long Bound = 32 << 20; // bytes; each of these asked for a gigabyte or more

    [Theory]
    [InlineData(2_000_000_000, 1)] // a strip for each row, of a file with one
    [InlineData(60_000_000, 1)]
    [InlineData(uint.MaxValue, 3)]
    [InlineData(60_000_000, uint.MaxValue)] // one strip that the file cannot hold
    public void A_tiff_of_122_bytes_that_claims_a_gigabyte(uint height, uint rowsPerStrip)
    {
        (ushort Tag, uint Value)[] tags =
        [
            (256, 17),
            (257, height),
            (258, 8),
            (259, 1),
            (262, 1),
            (273, 8),
            (277, 1),
            (278, rowsPerStrip),
            (279, 10),
        ];
        var file = new byte[8 + 2 + 12 * tags.Length + 4];
        "II*\0"u8.CopyTo(file);
        (file[4], file[8]) = (8, (byte)tags.Length);
        foreach (var (i, (tag, value)) in tags.Index())
        {
            var entry = file.AsSpan(10 + 12 * i);
            BinaryPrimitives.WriteUInt16LittleEndian(entry, tag);
            (entry[2], entry[4]) = (4, 1);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[8..], value);
        }
        Refuses(file, "x.tif");
    }

    [Fact]
    public void Sizes_that_the_bytes_cannot_hold()
    {
        var picture = TestImages.Noise(20, 20);
        var png = PngFile.Encode(16000, 16000, 8, 0, new byte[16000]);
        Refuses(png, "x.png");
        var jpeg = ImageEncoder.Encode(picture, ".jpg");
        var frame = jpeg.AsSpan().IndexOf((byte[])[0xFF, 0xC0]);
        BinaryPrimitives.WriteUInt16BigEndian(jpeg.AsSpan(frame + 5), 16000);
        BinaryPrimitives.WriteUInt16BigEndian(jpeg.AsSpan(frame + 7), 16000);
        Refuses(jpeg, "x.jpg");
        var bmp = ImageEncoder.Encode(picture, ".bmp");
        BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(18), 16000);
        BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(22), 16000);
        Refuses(bmp, "x.bmp");
        var gif = GifFile.Encode(4, 4, [1, 2, 3], new byte[16]);
        BinaryPrimitives.WriteUInt16LittleEndian(gif.AsSpan(6), 16000);
        BinaryPrimitives.WriteUInt16LittleEndian(gif.AsSpan(8), 16000);
        Refuses(gif, "x.gif");
        byte[] webp = [.. "RIFF\u0016\0\0\0WEBPVP8X\u000A\0\0\0"u8, 0, 0, 0, 0, 0x7F, 0x3E, 0, 0x7F, 0x3E, 0]; // a canvas of 16000x16000 and no picture
        Refuses(webp, "x.webp");
    }

    [Fact]
    public void Formats_that_are_not_read_are_not_given_to_the_library()
    {
        byte[] icon = [0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 32, 0, 255, 255, 255, 127, 22, 0, 0, 0];
        Assert.Contains("is not an image of a known format", Refuses(icon, "x.png", ""));
    }

    [Theory]
    [InlineData(100, false)]
    [InlineData(101, true)]
    public void A_jpeg_has_a_hundred_scans_at_most(int scans, bool refused)
    {
        var jpeg = ImageEncoder.Encode(TestImages.Noise(8, 8), ".jpg");
        var scan = jpeg.AsSpan().IndexOf((byte[])[0xFF, 0xDA]);
        byte[] many = [.. jpeg[..scan], .. Enumerable.Repeat(jpeg[scan..^2], scans).SelectMany(s => s), 0xFF, 0xD9];
        var error = Record.Exception(() => ImageDecoder.Decode(many, "many.jpg"));
        Assert.Equal(refused, error?.Message.Contains("many.jpg: has more than 100 scans", StringComparison.Ordinal) == true);
    }

    [Theory]
    [InlineData(0.3)]
    [InlineData(0.5)]
    [InlineData(0.9)]
    public void A_part_of_a_jpeg_that_was_closed_is_an_error(double part)
    {
        var whole = ImageEncoder.Encode(TestImages.Noise(64, 64), ".jpg");
        byte[] closed = [.. whole[..(int)(part * whole.Length)], 0xFF, 0xD9];
        Assert.StartsWith("half.jpg: is truncated or damaged", Refuses(closed, "half.jpg"));
    }

    [Theory]
    [InlineData(64, 64)]
    [InlineData(1, 1)]
    [InlineData(33, 17)]
    [InlineData(500, 3)]
    public void A_whole_jpeg_is_read_whatever_follows_it(int width, int height)
    {
        var jpeg = ImageEncoder.Encode(TestImages.Noise(width, height), ".jpg", 100);
        var image = ImageDecoder.Decode(jpeg, "whole.jpg");
        Assert.Equal((width, height), (image.Width, image.Height));
        Assert.Equal(image.Pixels, ImageDecoder.Decode([.. jpeg, .. "a trailer"u8], "followed.jpg").Pixels);
    }

    [Fact]
    public void A_deflated_tiff_with_another_checksum_is_an_error()
    {
        var tiff = LibTiffFile.Write(new RgbImage(20, 7), Compression.ADOBE_DEFLATE, tiled: false, planes: false);
        ImageDecoder.Decode(tiff, "whole.tif");
        var directory = BinaryPrimitives.ReadInt32LittleEndian(tiff.AsSpan(4));
        tiff[Strip(tiff, directory).End - 1] ^= 1;
        Assert.StartsWith("sum.tif: is truncated or damaged", Refuses(tiff, "sum.tif"));
    }

    [Fact]
    public void A_deflated_tiff_that_asks_for_a_dictionary_is_an_error()
    {
        var tiff = LibTiffFile.Write(new RgbImage(20, 7), Compression.ADOBE_DEFLATE, tiled: false, planes: false);
        var (start, _) = Strip(tiff, BinaryPrimitives.ReadInt32LittleEndian(tiff.AsSpan(4)));
        (tiff[start], tiff[start + 1]) = (0x78, 0x3F); // FDICT, and the check of the two bytes
        Assert.StartsWith("dictionary.tif: is truncated or damaged", Refuses(tiff, "dictionary.tif"));
    }

    // Where the only strip begins and ends.
    private static (int Start, int End) Strip(byte[] tiff, int directory)
    {
        var (offset, length) = (0, 0);
        for (var entry = directory + 2; entry < directory + 2 + 12 * BitConverter.ToUInt16(tiff, directory); entry += 12)
            if (BitConverter.ToUInt16(tiff, entry) == 273)
                offset = BitConverter.ToInt32(tiff, entry + 8);
            else if (BitConverter.ToUInt16(tiff, entry) == 279)
                length = BitConverter.ToInt32(tiff, entry + 8);
        return (offset, offset + length);
    }

    private static string Refuses(byte[] file, string name, string words = "is truncated or damaged")
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var message = Assert.Throws<DataFormatException>(() => ImageDecoder.Decode(file, name)).Message;
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Bound);
        Assert.StartsWith(name + ": ", message);
        Assert.True(
            message.Contains(words, StringComparison.Ordinal) || message.Contains("more than 268435456 pixels", StringComparison.Ordinal),
            message
        );
        return message;
    }
}

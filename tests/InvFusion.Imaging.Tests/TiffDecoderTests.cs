using BitMiracle.LibTiff.Classic;
using InvFusion.Testing;

namespace InvFusion.Imaging.Tests;

public class TiffDecoderTests
{
    [Fact]
    public void Rgb_is_read() => AssertPixels(TiffFile.Encode(2, 1, 8, 3, 2, [1, 2, 3, 250, 251, 252]), [1, 2, 3, 250, 251, 252]);

    [Fact]
    public void Grey_becomes_rgb() => AssertPixels(TiffFile.Encode(2, 1, 8, 1, 1, [7, 250]), [7, 7, 7, 250, 250, 250]);

    [Fact]
    public void Grey_where_white_is_zero_is_inverted() => AssertPixels(TiffFile.Encode(1, 2, 8, 1, 0, [7, 250]), [248, 248, 248, 5, 5, 5]);

    [Theory]
    [InlineData(1, 0b0100_0000, 0, 255)]
    [InlineData(2, 0b0110_0000, 85, 170)]
    [InlineData(4, 0x3F, 51, 255)]
    public void Grey_of_few_bits_fills_the_range(int bits, byte row, byte first, byte second) =>
        AssertPixels(TiffFile.Encode(2, 1, bits, 1, 1, [row]), [first, first, first, second, second, second]);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Sixteen_bits_keep_their_upper_byte_in_either_byte_order(bool bigEndian)
    {
        byte[] samples = [9, 255, 200, 0, 33, 128]; // upper byte first
        if (!bigEndian)
            for (var i = 0; i < samples.Length; i += 2)
                Array.Reverse(samples, i, 2);
        AssertPixels(TiffFile.Encode(1, 1, 16, 3, 2, samples, bigEndian), [9, 200, 33]);
    }

    [Fact]
    public void A_palette_becomes_its_colours()
    {
        var map = new ushort[3 * 256];
        (map[1], map[256 + 1], map[512 + 1]) = (40 << 8, 50 << 8, (60 << 8) + 255);
        AssertPixels(TiffFile.Encode(2, 1, 8, 1, 3, [1, 0], tags: (320, map)), [40, 50, 60, 0, 0, 0]);
    }

    [Fact]
    public void Alpha_is_dropped() =>
        AssertPixels(TiffFile.Encode(2, 1, 8, 4, 2, [200, 100, 50, 0, 10, 20, 30, 1], tags: (338, [2])), [200, 100, 50, 10, 20, 30]);

    [Fact]
    public void Colours_multiplied_by_alpha_are_divided() =>
        AssertPixels(TiffFile.Encode(2, 1, 8, 4, 2, [100, 50, 25, 128, 9, 8, 7, 0], tags: (338, [1])), [199, 99, 49, 9, 8, 7]);

    [Fact]
    public void Grey_with_alpha_becomes_rgb() =>
        AssertPixels(TiffFile.Encode(2, 1, 8, 2, 1, [77, 0, 8, 200], tags: (338, [2])), [77, 77, 77, 8, 8, 8]);

    [Fact]
    public void The_orientation_is_applied() =>
        AssertPixels(TiffFile.Encode(2, 1, 8, 1, 1, [7, 250], tags: (274, [3])), [250, 250, 250, 7, 7, 7]);

    [Theory]
    [InlineData(Compression.LZW, false, false)]
    [InlineData(Compression.ADOBE_DEFLATE, false, false)]
    [InlineData(Compression.PACKBITS, false, true)]
    [InlineData(Compression.NONE, true, false)]
    [InlineData(Compression.LZW, true, true)]
    public void Compressions_strips_tiles_and_planes_give_the_same_picture(Compression compression, bool tiled, bool planes)
    {
        var picture = TestImages.Noise(45, 37);
        var decoded = ImageDecoder.Decode(LibTiffFile.Write(picture, compression, tiled, planes), "test.tif");
        Assert.Equal((45, 37), (decoded.Width, decoded.Height));
        Assert.Equal(picture.Pixels, decoded.Pixels);
    }

    [Fact]
    public void What_is_not_read_says_so() =>
        Assert.Contains(
            "cmyk.tif: a TIFF of 4 samples of 8 bits, SEPARATED",
            Assert.Throws<DataFormatException>(() => ImageDecoder.Decode(TiffFile.Encode(1, 1, 8, 4, 5, [1, 2, 3, 4]), "cmyk.tif")).Message
        );

    [Fact]
    public void A_claimed_size_is_refused_before_memory_is_taken() =>
        Assert.Contains(
            "bomb.tif: 60000x60000",
            Assert.Throws<DataFormatException>(() => ImageDecoder.Decode(TiffFile.Encode(60000, 60000, 8, 1, 1, [1]), "bomb.tif")).Message
        );

    [Fact]
    public void A_truncated_file_is_an_error_that_names_it()
    {
        var whole = LibTiffFile.Write(TestImages.Noise(40, 30), Compression.LZW, tiled: false, planes: false);
        foreach (var part in new[] { 0.01, 0.1, 0.5, 0.9, 0.98 })
        {
            var error = Assert.Throws<DataFormatException>(() =>
                ImageDecoder.Decode(whole.AsSpan(0, (int)(whole.Length * part)), "cut.tif")
            );
            Assert.StartsWith("cut.tif: is truncated or damaged", error.Message);
            Assert.DoesNotContain('\n', error.Message);
        }
    }

    [Theory]
    [InlineData(10)]
    [InlineData(0)]
    public void Pixels_that_reach_over_the_end_are_an_error(int left)
    {
        var file = TiffFile.Encode(8, 8, 8, 1, 1, new byte[64]);
        var entry = file.AsSpan().IndexOf((byte[])[273 & 255, 273 >> 8, 3, 0]);
        BitConverter.TryWriteBytes(file.AsSpan(entry + 8), (ushort)(file.Length - left)); // where the strip begins
        Assert.Contains(
            "short.tif: is truncated",
            Assert.Throws<DataFormatException>(() => ImageDecoder.Decode(file, "short.tif")).Message
        );
    }

    [Fact]
    public void Bytes_at_random_never_crash_the_decoder()
    {
        var random = new Random(3);
        for (var i = 0; i < 200; i++)
        {
            var file = LibTiffFile.Write(
                TestImages.Noise(20, 20, 3, i),
                i % 2 == 0 ? Compression.LZW : Compression.NONE,
                i % 3 == 0,
                i % 5 == 0
            );
            for (var k = 0; k < 6; k++)
                file[k < 3 ? file.Length - 1 - random.Next(Math.Min(200, file.Length)) : random.Next(file.Length)] = (byte)random.Next(256);
            var outcome = Record.Exception(() => ImageDecoder.Decode(file, "x"));
            Assert.True(outcome is null or DataFormatException, $"{outcome}");
        }
    }

    private static void AssertPixels(byte[] file, byte[] expected) => Assert.Equal(expected, ImageDecoder.Decode(file, "test.tif").Pixels);
}

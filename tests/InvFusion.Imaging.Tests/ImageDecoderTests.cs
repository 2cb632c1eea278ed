using InvFusion.Testing;

namespace InvFusion.Imaging.Tests;

public class ImageDecoderTests
{
    [Fact]
    public void Grey_becomes_rgb() => AssertPixels(PngFile.Encode(2, 1, 8, 0, [7, 250]), [7, 7, 7, 250, 250, 250]);

    [Fact]
    public void One_bit_grey_becomes_black_and_white() => AssertPixels(PngFile.Encode(2, 1, 1, 0, [0b0100_0000]), [0, 0, 0, 255, 255, 255]);

    [Fact]
    public void A_palette_becomes_its_colours() =>
        AssertPixels(PngFile.Encode(2, 1, 8, 3, [1, 0], ("PLTE", [1, 2, 3, 40, 50, 60])), [40, 50, 60, 1, 2, 3]);

    [Fact]
    public void A_transparent_palette_entry_keeps_its_colour() =>
        AssertPixels(PngFile.Encode(2, 1, 8, 3, [1, 0], ("PLTE", [1, 2, 3, 40, 50, 60]), ("tRNS", [0, 128])), [40, 50, 60, 1, 2, 3]);

    [Fact]
    public void Alpha_is_dropped_and_the_colour_below_stays() =>
        AssertPixels(PngFile.Encode(3, 1, 8, 6, [200, 100, 50, 0, 10, 20, 30, 1, 3, 2, 1, 255]), [200, 100, 50, 10, 20, 30, 3, 2, 1]);

    [Fact]
    public void Grey_with_alpha_becomes_rgb() => AssertPixels(PngFile.Encode(2, 1, 8, 4, [77, 0, 8, 200]), [77, 77, 77, 8, 8, 8]);

    [Fact]
    public void Sixteen_bits_keep_their_upper_byte() =>
        AssertPixels(PngFile.Encode(2, 1, 16, 2, [0, 255, 1, 255, 127, 255, 128, 0, 254, 255, 255, 255]), [0, 1, 127, 128, 254, 255]);

    [Fact]
    public void Sixteen_bit_grey_keeps_its_upper_byte() =>
        AssertPixels(PngFile.Encode(2, 1, 16, 0, [9, 255, 200, 255]), [9, 9, 9, 200, 200, 200]);

    [Fact]
    public void Sixteen_bit_alpha_is_dropped() =>
        AssertPixels(PngFile.Encode(1, 1, 16, 6, [9, 255, 200, 255, 33, 200, 0, 3]), [9, 200, 33]);

    [Fact]
    public void A_gamma_chunk_does_not_change_values() =>
        AssertPixels(PngFile.Encode(1, 1, 8, 2, [10, 120, 240], ("gAMA", [0, 1, 0x86, 0xA0])), [10, 120, 240]);

    [Theory]
    [InlineData(255, 255, 255, 255, 255, 255, 255)] // inverted: no ink at all
    [InlineData(255, 0, 0, 255, 255, 0, 0)]
    [InlineData(200, 100, 50, 128, 100, 50, 25)] // product of ink and black over 255
    public void Cmyk_jpeg_becomes_rgb(byte c, byte m, byte y, byte k, byte red, byte green, byte blue)
    {
        var image = ImageDecoder.Decode(FlatCmykJpeg.Encode(c, m, y, k), "cmyk.jpg");
        Assert.Equal((8, 8), (image.Width, image.Height));
        for (var i = 0; i < image.Pixels.Length; i += 3)
        {
            Assert.InRange(image.Pixels[i], red - 1, red + 1);
            Assert.InRange(image.Pixels[i + 1], green - 1, green + 1);
            Assert.InRange(image.Pixels[i + 2], blue - 1, blue + 1);
        }
    }

    [Theory]
    [InlineData(1, "RGBW")]
    [InlineData(2, "GRWB")]
    [InlineData(3, "WBGR")]
    [InlineData(4, "BWRG")]
    [InlineData(5, "RBGW")]
    [InlineData(6, "BRWG")]
    [InlineData(7, "WGBR")]
    [InlineData(8, "GWRB")]
    public void Exif_orientation_is_applied(byte orientation, string expected)
    {
        var jpeg = ImageEncoder.Encode(TestImages.Quadrants(48, 32), ".jpg");
        byte[] exif = [.. "Exif\0\0"u8, .. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
        byte[] file = [0xFF, 0xD8, 0xFF, 0xE1, 0, (byte)(exif.Length + 2), .. exif, .. jpeg[2..]];
        var image = ImageDecoder.Decode(file, "turned.jpg");
        Assert.Equal(orientation < 5 ? (48, 32) : (32, 48), (image.Width, image.Height));
        Assert.Equal(expected, TestImages.QuadrantNames(image));
    }

    [Theory]
    [InlineData(1, "RGBW")]
    [InlineData(3, "WBGR")]
    [InlineData(6, "BRWG")]
    [InlineData(8, "GWRB")]
    public void The_orientation_of_a_png_is_applied_wherever_its_chunk_lies(byte orientation, string expected)
    {
        var png = ImageEncoder.Encode(TestImages.Quadrants(48, 32), ".png");
        byte[] exif = [.. "II*\0"u8, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0];
        var chunk = new MemoryStream();
        PngFile.Chunk(chunk, "eXIf", exif);
        foreach (var at in new[] { 8 + 25, png.Length - 12 }) // behind the header, before the end
        {
            var image = ImageDecoder.Decode([.. png[..at], .. chunk.ToArray(), .. png[at..]], "turned.png");
            Assert.Equal(expected, TestImages.QuadrantNames(image));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_orientation_of_a_webp_is_applied(bool named)
    {
        var webp = ImageEncoder.Encode(TestImages.Quadrants(48, 32), ".webp", 100);
        byte[] exif = [.. named ? "Exif\0\0"u8 : [], .. "II*\0"u8, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0];
        Assert.True(webp.AsSpan(12).StartsWith("VP8X"u8));
        webp[20] |= 8; // an EXIF chunk is there
        byte[] file = [.. webp, .. "EXIF"u8, .. BitConverter.GetBytes(exif.Length), .. exif];
        BitConverter.TryWriteBytes(file.AsSpan(4), file.Length - 8);
        var image = ImageDecoder.Decode(file, "turned.webp");
        Assert.Equal("BRWG", TestImages.QuadrantNames(image));
    }

    [Fact]
    public void A_transparent_pixel_of_a_gif_keeps_its_colour() =>
        AssertPixels(GifFile.Encode(2, 1, [1, 2, 3, 40, 50, 60], [1, 0], transparent: 1), [40, 50, 60, 1, 2, 3]);

    [Fact]
    public void A_transparent_pixel_of_a_webp_keeps_its_colour()
    {
        using var bitmap = new SkiaSharp.SKBitmap(
            new SkiaSharp.SKImageInfo(8, 8, SkiaSharp.SKColorType.Rgba8888, SkiaSharp.SKAlphaType.Unpremul)
        );
        bitmap.Erase(new SkiaSharp.SKColor(200, 100, 50, 1));
        using var encoded = bitmap.Encode(SkiaSharp.SKEncodedImageFormat.Webp, 100);
        Assert.InRange(ImageDecoder.Decode(encoded.ToArray(), "x.webp").Pixels[0], 190, 210);
    }

    [Fact]
    public void Alpha_alone_is_read_where_there_is_one()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["alpha.png"], PngFile.Encode(2, 1, 8, 4, [77, 0, 8, 200]));
        Assert.Equal([0, 200], ImageDecoder.LoadAlpha(folder["alpha.png"])!.Pixels);
        File.WriteAllBytes(folder["plain.png"], PngFile.Encode(2, 1, 8, 0, [77, 8]));
        Assert.Equal([255, 255], ImageDecoder.LoadAlpha(folder["plain.png"])!.Pixels);
        File.WriteAllBytes(folder["x.tif"], TiffFile.Encode(2, 1, 8, 1, 1, [7, 250]));
        Assert.Null(ImageDecoder.LoadAlpha(folder["x.tif"]));
    }

    [Theory]
    [InlineData(".png")]
    [InlineData(".jpg")]
    [InlineData(".webp")]
    [InlineData(".bmp")]
    public void A_truncated_file_is_an_error_that_names_it(string extension)
    {
        var whole = ImageEncoder.Encode(TestImages.Noise(40, 30), extension);
        foreach (var part in new[] { 0.02, 0.1, 0.5, 0.9, 0.98 })
        {
            var error = Assert.Throws<DataFormatException>(() =>
                ImageDecoder.Decode(whole.AsSpan(0, (int)(whole.Length * part)), $"faces/cut{extension}")
            );
            Assert.StartsWith($"faces/cut{extension}: is truncated or damaged", error.Message);
            Assert.DoesNotContain('\n', error.Message);
        }
    }

    [Fact]
    public void Damaged_png_data_are_an_error()
    {
        var png = ImageEncoder.Encode(TestImages.Noise(40, 30), ".png");
        png[png.Length / 2] ^= 0x55;
        Assert.Contains("damaged.png", Assert.Throws<DataFormatException>(() => ImageDecoder.Decode(png, "damaged.png")).Message);
    }

    [Fact]
    public void An_empty_file_is_an_error_that_names_it()
    {
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.png");
        File.WriteAllBytes(path, []);
        try
        {
            Assert.Equal(
                $"{path}: is empty; an image was expected",
                Assert.Throws<DataFormatException>(() => ImageDecoder.Load(path)).Message
            );
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_text_file_named_png_is_no_image()
    {
        using var stream = new MemoryStream("hello, I am text"u8.ToArray());
        var error = Assert.Throws<DataFormatException>(() => ImageDecoder.Load(stream, "notes.png"));
        Assert.StartsWith("notes.png: is not an image of a known format", error.Message);
    }

    [Fact]
    public void A_missing_file_is_named() =>
        Assert.Equal("nowhere/a.png: no such file", Assert.Throws<DataFormatException>(() => ImageDecoder.Load("nowhere/a.png")).Message);

    [Fact]
    public void A_picture_bomb_is_refused() =>
        Assert.Contains(
            "bomb.png: 60000x60000",
            Assert
                .Throws<DataFormatException>(() => ImageDecoder.Decode(PngFile.Encode(60000, 60000, 8, 0, new byte[60000]), "bomb.png"))
                .Message
        );

    [Fact]
    public void Bytes_at_random_never_crash_the_decoder()
    {
        var random = new Random(3);
        foreach (var extension in new[] { ".png", ".jpg", ".webp", ".bmp" })
            for (var i = 0; i < 60; i++)
            {
                var file = ImageEncoder.Encode(TestImages.Noise(20, 20, 3, i), extension);
                for (var k = 0; k < 4; k++)
                    file[random.Next(file.Length)] = (byte)random.Next(256);
                var outcome = Record.Exception(() => ImageDecoder.Decode(file, "x"));
                Assert.True(outcome is null or DataFormatException, $"{outcome}");
            }
    }

    private static void AssertPixels(byte[] file, byte[] expected) => Assert.Equal(expected, ImageDecoder.Decode(file, "test.png").Pixels);
}

using InvFusion.Imaging.Jpeg;
using InvFusion.Testing;
using SkiaSharp;

namespace InvFusion.Imaging.Tests;

/// <summary>The own decoder against the libjpeg in Skia, which is the judge.</summary>
public class JpegDecoderTests
{
    public static TheoryData<int, int> Sizes =>
        new()
        {
            { 64, 64 },
            { 63, 65 },
            { 5, 3 },
            { 17, 8 },
            { 200, 1 },
            { 9, 100 },
            { 131, 77 },
        };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Every_sampling_and_quality_gives_the_same_bytes(int width, int height)
    {
        foreach (
            var sampling in new[]
            {
                SKJpegEncoderDownsample.Downsample420,
                SKJpegEncoderDownsample.Downsample422,
                SKJpegEncoderDownsample.Downsample444,
            }
        )
        foreach (var quality in new[] { 3, 50, 90, 100 })
        foreach (var noise in new[] { 0, 40, 255 })
            AssertSame(Encode(Picture(width, height, noise), quality, sampling), $"{sampling} {quality} {noise}");
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Grey_gives_the_same_bytes(int width, int height)
    {
        foreach (var quality in new[] { 3, 90, 100 })
            AssertSame(ImageEncoder.Encode(Picture(width, height, 60).ToGrey(), ".jpg", quality), $"grey {quality}");
    }

    [Fact]
    public void Restart_markers_are_followed()
    {
        var file = Restarts(3);
        var image = JpegDecoder.TryDecode(file);
        Assert.NotNull(image);
        Assert.Equal(Judge(file).Pixels, image.Pixels);
        Assert.Equal([228, 178, 128], new[] { 0, 8, 16 }.Select(x => (int)image.Pixels[3 * x])); // each block begins anew at 0
    }

    [Fact]
    public void A_wrong_or_missing_restart_marker_is_left_to_the_judge()
    {
        var file = Restarts(3);
        var at = file.AsSpan().IndexOf((byte[])[0xFF, 0xD1]);
        file[at + 1] = 0xD5;
        Assert.Null(JpegDecoder.TryDecode(file));
    }

    [Fact]
    public void What_is_not_ordinary_is_left_to_the_judge()
    {
        Assert.Null(JpegDecoder.TryDecode(FlatCmykJpeg.Encode(1, 2, 3, 4)));
        Assert.Null(JpegDecoder.TryDecode(Encode(Picture(4, 4, 9), 90, SKJpegEncoderDownsample.Downsample420))); // colours too narrow to be interpolated
        Assert.Null(JpegDecoder.TryDecode([]));
        var progressive = Encode(Picture(20, 20, 9), 90, SKJpegEncoderDownsample.Downsample420);
        progressive[progressive.AsSpan().IndexOf((byte[])[0xFF, 0xC0]) + 1] = 0xC2;
        Assert.Null(JpegDecoder.TryDecode(progressive));
    }

    [Fact]
    public void A_file_cut_anywhere_is_left_to_the_judge()
    {
        var whole = Encode(Picture(40, 30, 100), 90, SKJpegEncoderDownsample.Downsample420);
        for (var length = 0; length < whole.Length; length++)
            Assert.Null(JpegDecoder.TryDecode(whole.AsSpan(0, length)));
    }

    [Fact]
    public void Bytes_at_random_never_crash_it()
    {
        var random = new Random(5);
        for (var i = 0; i < 3000; i++)
        {
            var file = Encode(Picture(24, 24, 50), 80, (SKJpegEncoderDownsample)(i % 3));
            for (var k = 0; k < 3; k++)
                file[random.Next(file.Length)] = (byte)random.Next(256);
            JpegDecoder.TryDecode(file); // any outcome but an exception
        }
    }

    private static void AssertSame(byte[] file, string what)
    {
        var image = JpegDecoder.TryDecode(file);
        if (image is null)
        {
            Assert.True(Judge(file).Width <= 4, $"not decoded: {what}");
            return;
        }
        Assert.True(Judge(file).Pixels.AsSpan().SequenceEqual(image.Pixels), $"differs: {what}");
    }

    private static RgbImage Judge(byte[] file)
    {
        using var codec = SKCodec.Create(new SKMemoryStream(file));
        var info = new SKImageInfo(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul, null);
        using var bitmap = new SKBitmap(info);
        Assert.Equal(SKCodecResult.Success, codec.GetPixels(info, bitmap.GetPixels()));
        var image = new RgbImage(info.Width, info.Height);
        var pixels = bitmap.GetPixelSpan();
        for (var i = 0; i < image.Width * image.Height; i++)
            pixels.Slice(4 * i, 3).CopyTo(image.Pixels.AsSpan(3 * i));
        return image;
    }

    // Smooth, with noise of the given strength.
    private static RgbImage Picture(int width, int height, int noise)
    {
        var image = TestImages.Noise(width, height);
        for (var i = 0; i < image.Pixels.Length; i++)
        {
            var (c, x, y) = (i % 3, i / 3 % width, i / 3 / width);
            var smooth = 127.5 + 110 * Math.Sin(0.2 * x * (c + 1)) * Math.Cos(0.15 * y + c);
            image.Pixels[i] = (byte)Math.Clamp(smooth + (image.Pixels[i] - 128) * noise / 255.0, 0, 255);
        }
        return image;
    }

    private static byte[] Encode(RgbImage image, int quality, SKJpegEncoderDownsample sampling)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var pixels = bitmap.GetPixelSpan();
        for (var i = 0; i < image.Width * image.Height; i++)
            (pixels[4 * i], pixels[4 * i + 1], pixels[4 * i + 2], pixels[4 * i + 3]) = (
                image.Pixels[3 * i],
                image.Pixels[3 * i + 1],
                image.Pixels[3 * i + 2],
                255
            );
        using var map = bitmap.PeekPixels();
        using var data = map.Encode(new SKJpegEncoderOptions(quality, sampling, SKJpegEncoderAlphaOption.Ignore));
        return data!.ToArray();
    }

    // Grey blocks of 100, 50 and 0 over the middle, with a restart after each.
    private static byte[] Restarts(int blocks)
    {
        byte[] dc = [0, 0, 0, 9, .. new byte[12], 0, 1, 2, 3, 4, 5, 6, 7, 8]; // nine categories with codes of four bits: the code is the category
        byte[] ac = [1, .. new byte[15], 0]; // only "end of block", code 0
        var file = new List<byte>();
        file.AddRange([0xFF, 0xD8]);
        Segment(0xDB, [0, .. Enumerable.Repeat((byte)8, 64)]); // step 8: a coefficient is the value itself
        Segment(0xC0, [8, 0, 8, 0, (byte)(8 * blocks), 1, 1, 0x11, 0]);
        Segment(0xC4, [0x00, .. dc, 0x10, .. ac]);
        Segment(0xDD, [0, 1]);
        Segment(0xDA, [1, 1, 0, 0, 63, 0]);
        for (var i = 0; i < blocks; i++)
        {
            var value = 100 - 50 * i;
            var size = 32 - System.Numerics.BitOperations.LeadingZeroCount((uint)value);
            var bits = (Convert.ToString(size, 2).PadLeft(4, '0') + (size > 0 ? Convert.ToString(value, 2) : "") + "0").PadRight(16, '1');
            file.AddRange([Convert.ToByte(bits[..8], 2), .. size > 3 ? new[] { Convert.ToByte(bits[8..], 2) } : []]);
            file.AddRange([0xFF, (byte)(i < blocks - 1 ? 0xD0 + i : 0xD9)]);
        }
        return [.. file];

        void Segment(byte marker, byte[] body) => file.AddRange([0xFF, marker, 0, (byte)(body.Length + 2), .. body]);
    }
}

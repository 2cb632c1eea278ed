namespace InvFusion.Imaging.Tests;

public class ImageEncoderTests
{
    [Theory]
    [InlineData(".png", 3, 95)]
    [InlineData(".png", 1, 95)]
    [InlineData(".bmp", 3, 95)]
    [InlineData(".bmp", 1, 95)]
    [InlineData(".webp", 3, 100)]
    public void Lossless_formats_give_back_every_byte(string extension, int channels, int quality)
    {
        var image = TestImages.Noise(31, 17, channels);
        var copy = ImageDecoder.Decode(ImageEncoder.Encode(image, extension, quality), extension);
        Assert.Equal(image.ToRgb().Pixels, copy.Pixels);
    }

    [Theory]
    [InlineData(".jpg")]
    [InlineData(".jpeg")]
    [InlineData(".webp")]
    [InlineData(".JPG")]
    public void Lossy_formats_stay_close(string extension)
    {
        var image = TestImages.Quadrants(32, 32);
        var copy = ImageDecoder.Decode(ImageEncoder.Encode(image, extension), extension);
        Assert.True(image.Pixels.Zip(copy.Pixels, (a, b) => Math.Abs(a - b)).Average() < 6);
    }

    [Fact]
    public void Lower_quality_makes_a_smaller_file()
    {
        var image = TestImages.Noise(64, 64);
        Assert.True(ImageEncoder.Encode(image, ".jpg", 30).Length < ImageEncoder.Encode(image, ".jpg", 90).Length);
    }

    [Fact]
    public void An_unknown_extension_is_refused_by_name()
    {
        var error = Assert.Throws<ConfigurationException>(() => ImageEncoder.Save(new RgbImage(2, 2), "out.tga"));
        Assert.StartsWith("out.tga: no image format", error.Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(101)]
    public void Quality_out_of_range_is_refused(int quality) =>
        Assert.Throws<ConfigurationException>(() => ImageEncoder.Encode(new RgbImage(2, 2), ".jpg", quality));

    [Fact]
    public void Saving_makes_folders_and_replaces_the_file()
    {
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            var path = Path.Combine(folder.FullName, "a", "b.png");
            ImageEncoder.Save(TestImages.Noise(4, 4, 3, 1), path);
            var second = TestImages.Noise(5, 5, 3, 2);
            ImageEncoder.Save(second, path);
            Assert.Equal(second.Pixels, ImageDecoder.Load(path).Pixels);
            Assert.Single(Directory.GetFiles(Path.GetDirectoryName(path)!));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}

using InvFusion.Testing;

namespace InvFusion.Imaging.Tests;

public class ResamplerTests
{
    private static readonly string Golden = Path.Combine(Goldens.Folder, "data");

    [Theory]
    [InlineData("50x41")]
    [InlineData("65x131")]
    [InlineData("101x80")]
    [InlineData("333x257")]
    public void Adm_crop_equals_the_reference_to_the_byte(string name)
    {
        var crop = CenterCrop.Adm(Input(name), 64);
        Assert.Equal(NpyBytes.Read(Path.Combine(Golden, $"crop64_{name}.npy")), crop.Pixels);
    }

    [Theory]
    [InlineData("333x257")]
    public void Box_halvings_equal_the_reference_to_the_byte(string name)
    {
        var halved = CenterCrop.HalveWithBox(Input(name), 64);
        Assert.Equal(NpyBytes.Read(Path.Combine(Golden, $"box_{name}.npy")), halved.Pixels);
    }

    [Theory]
    [InlineData("40x48")]
    [InlineData("100x80")]
    [InlineData("160x160")]
    public void Cubic_resize_equals_Pillow_to_the_byte(string name)
    {
        var resized = Resampler.Resize(Input(name), 64, 64, ResampleFilter.Bicubic);
        Assert.Equal(NpyBytes.Read(Path.Combine(Golden, $"resize64_{name}.npy")), resized.Pixels);
    }

    [Theory]
    [InlineData(ResampleFilter.Box)]
    [InlineData(ResampleFilter.Bilinear)]
    [InlineData(ResampleFilter.Bicubic)]
    [InlineData(ResampleFilter.Lanczos)]
    public void Vector_code_equals_plain_code(ResampleFilter filter)
    {
        var random = new Random(7);
        for (var i = 0; i < 40; i++)
        {
            var image = TestImages.Noise(random.Next(1, 150), random.Next(1, 150), i % 2 == 0 ? 3 : 1, i);
            if (i % 3 == 0) // only black and white: kernels with negative lobes leave 0..255
                for (var k = 0; k < image.Pixels.Length; k++)
                    image.Pixels[k] = (byte)(image.Pixels[k] > 127 ? 255 : 0);
            var (width, height) = (random.Next(1, 150), random.Next(1, 150));
            var plain = Resampler.Resize(image, width, height, filter, vectorised: false);
            Assert.Equal(plain.Pixels, Resampler.Resize(image, width, height, filter, vectorised: true).Pixels);
        }
    }

    [Theory]
    [InlineData(ResampleFilter.Box)]
    [InlineData(ResampleFilter.Bilinear)]
    [InlineData(ResampleFilter.Bicubic)]
    [InlineData(ResampleFilter.Lanczos)]
    public void A_flat_image_stays_flat(ResampleFilter filter)
    {
        var image = new RgbImage(37, 23);
        image.Pixels.AsSpan().Fill(201);
        foreach (var (width, height) in new[] { (5, 90), (90, 5), (36, 24), (1, 1) })
            Assert.All(Resampler.Resize(image, width, height, filter).Pixels, value => Assert.Equal(201, value));
    }

    [Fact]
    public void Halving_with_the_box_takes_the_rounded_mean_pass_by_pass()
    {
        // Along the row: (0+255)/2 = 127.5 -> 128 and (10+20)/2 = 15; then down: (128+15)/2 = 71.5 -> 72.
        var image = new RgbImage(2, 2, 1, [0, 255, 10, 20]);
        Assert.Equal([72], Resampler.Resize(image, 1, 1, ResampleFilter.Box).Pixels);
    }

    [Theory]
    [InlineData(CropMode.Adm)]
    [InlineData(CropMode.Box)]
    [InlineData(CropMode.Bicubic)]
    [InlineData(CropMode.Lanczos)]
    public void Every_crop_is_square_and_from_the_centre(CropMode mode)
    {
        var image = new RgbImage(60, 20);
        for (var y = 0; y < 20; y++)
            image.Pixels.AsSpan((y * 60 + 20) * 3, 60).Fill(255); // the central 20x20 pixels are white
        var crop = CenterCrop.Apply(image, 8, mode);
        Assert.Equal((8, 8), (crop.Width, crop.Height));
        Assert.All(crop.Crop(1, 1, 6, 6).Pixels, value => Assert.InRange(value, 240, 255));
    }

    private static RgbImage Input(string name) => ImageDecoder.Load(Path.Combine(Golden, $"in_{name}.png"));
}

namespace InvFusion.Imaging.Tests;

public class RgbImageTests
{
    [Fact]
    public void Planar_form_and_back_is_the_identity()
    {
        var image = TestImages.Noise(5, 3);
        var planes = image.ToPlanar();
        Assert.Equal(image.Pixels[3 * (2 * 5 + 4) + 1], planes[15 + 2 * 5 + 4]); // green of the last pixel
        Assert.Equal(image.Pixels, RgbImage.FromPlanar(planes, 3, 3, 5).Pixels);
    }

    [Fact]
    public void Numbers_are_rounded_and_clamped() =>
        Assert.Equal([0, 0, 128, 255, 255, 0], RgbImage.FromPlanar([-3f, -1f, 0.002f, 1f, 9f, float.NaN], 1, 2, 3).Pixels);

    [Fact]
    public void Luma_is_Pillows() => Assert.Equal([76, 150, 29], new RgbImage(3, 1, 3, [255, 0, 0, 0, 255, 0, 0, 0, 255]).ToGrey().Pixels);

    [Fact]
    public void Crop_takes_the_rectangle() =>
        Assert.Equal([5, 6, 8, 9], new RgbImage(3, 3, 1, [1, 2, 3, 4, 5, 6, 7, 8, 9]).Crop(1, 1, 2, 2).Pixels);

    [Theory]
    [InlineData(-1, 0, 2, 2)]
    [InlineData(0, 2, 2, 2)]
    [InlineData(0, 0, 0, 1)]
    [InlineData(1, 0, int.MaxValue, 1)]
    public void Crop_outside_is_refused(int x, int y, int width, int height) =>
        Assert.Throws<ArgumentException>(() => new RgbImage(3, 3).Crop(x, y, width, height));

    [Fact]
    public void Wrong_lengths_and_channels_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new RgbImage(2, 2, 3, new byte[11]));
        Assert.Throws<ArgumentException>(() => new RgbImage(2, 2, 2));
        Assert.Throws<ArgumentException>(() => RgbImage.FromPlanar(new byte[5], 1, 2, 2));
    }
}

using InvFusion.Evaluation;
using InvFusion.Tests.Degradations;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Evaluation;

[Collection(TorchTests.Collection)]
public sealed class ImageQualityTests
{
    [Fact]
    [NoTensorLeaks]
    public void Ssim_is_that_of_a_naive_loop_over_windows()
    {
        using var scope = NewDisposeScope();
        var truth = (0.4 * Close.Normals(3, 2, 14, 17)).clamp(-1, 1);
        var image = (truth + 0.1 * Close.Normals(4, 2, 14, 17)).clamp(-1.2, 1.2); // bytes are clamped
        var expected = NaiveSsim(Bytes(image), Bytes(truth), 2, 14, 17);
        Assert.InRange(expected, 0.5, 0.99);
        Assert.Equal(expected, ImageQuality.Ssim(image, truth), 1e-9);
        Assert.Equal(1, ImageQuality.Ssim(truth, truth), 1e-12);
    }

    [Fact]
    public void Psnr_counts_grey_levels()
    {
        using var scope = NewDisposeScope();
        var truth = zeros(3, 4, 4);
        Assert.Equal(10 * Math.Log10(255 * 255 / 25.0), ImageQuality.Psnr(truth + 5 / 127.5, truth), 1e-9);
        Assert.Equal(double.PositiveInfinity, ImageQuality.Psnr(truth + 1e-6, truth + 1e-6));
    }

    private static double[] Bytes(Tensor image) =>
        [.. TensorAssert.Values(image).Select(v => Math.Clamp(Math.Round(v * 127.5 + 127.5), 0, 255))];

    // Wang et al. (2004), eq. 13-16, one window after the other.
    private static double NaiveSsim(double[] a, double[] b, int channels, int height, int width)
    {
        double sum = 0;
        var windows = 0;
        for (var c = 0; c < channels; c++)
        for (var top = 0; top + 11 <= height; top++)
        for (var left = 0; left + 11 <= width; left++)
        {
            double total = 0,
                meanA = 0,
                meanB = 0,
                squareA = 0,
                squareB = 0,
                product = 0;
            for (var y = 0; y < 11; y++)
            for (var x = 0; x < 11; x++)
            {
                var weight = Math.Exp(-((y - 5) * (y - 5) + (x - 5) * (x - 5)) / (2 * 1.5 * 1.5));
                var (p, q) = (a[(c * height + top + y) * width + left + x], b[(c * height + top + y) * width + left + x]);
                total += weight;
                meanA += weight * p;
                meanB += weight * q;
                squareA += weight * p * p;
                squareB += weight * q * q;
                product += weight * p * q;
            }
            (meanA, meanB) = (meanA / total, meanB / total);
            var (varianceA, varianceB) = (squareA / total - meanA * meanA, squareB / total - meanB * meanB);
            var covariance = product / total - meanA * meanB;
            const double C1 = 2.55 * 2.55,
                C2 = 7.65 * 7.65;
            sum += (2 * meanA * meanB + C1) * (2 * covariance + C2) / ((meanA * meanA + meanB * meanB + C1) * (varianceA + varianceB + C2));
            windows++;
        }
        return sum / windows;
    }
}

using static TorchSharp.torch;

namespace InvFusion.Evaluation;

/// <summary>Quality of one restored image against the truth, on 8-bit values.</summary>
public static class ImageQuality
{
    /// <summary>10·log10(255² / MSE) on uint8 values; infinite for equal images.</summary>
    /// <param name="image">An image in [-1, 1], any shape.</param>
    /// <param name="truth">The truth, of the same shape.</param>
    public static double Psnr(Tensor image, Tensor truth)
    {
        using var scope = NewDisposeScope();
        var error = (ToBytes(image) - ToBytes(truth)).square().mean().item<double>();
        return 10 * Math.Log10(255.0 * 255.0 / error);
    }

    /// <summary>Structural similarity (Wang et al., 2004): Gaussian window of 11 pixels, σ 1.5, mean over channels and the pixels whose window fits.</summary>
    /// <param name="image">An image <c>[C, H, W]</c> in [-1, 1].</param>
    /// <param name="truth">The truth, of the same shape.</param>
    public static double Ssim(Tensor image, Tensor truth)
    {
        const double C1 = 0.01 * 255 * 0.01 * 255,
            C2 = 0.03 * 255 * 0.03 * 255;
        using var scope = NewDisposeScope();
        Tensor a = ToBytes(image).unsqueeze(1), // [C, 1, H, W]
            b = ToBytes(truth).unsqueeze(1);
        var window = Window((int)Math.Min(11, Math.Min(a.shape[2], a.shape[3])));
        Tensor Blur(Tensor x) => nn.functional.conv2d(x, window);
        Tensor meanA = Blur(a),
            meanB = Blur(b);
        Tensor varianceA = Blur(a * a) - meanA * meanA,
            varianceB = Blur(b * b) - meanB * meanB,
            covariance = Blur(a * b) - meanA * meanB;
        var map = (2 * meanA * meanB + C1) * (2 * covariance + C2) / ((meanA * meanA + meanB * meanB + C1) * (varianceA + varianceB + C2));
        return map.mean().item<double>();
    }

    private static Tensor Window(int size)
    {
        var offset = arange(size, dtype: ScalarType.Float64) - (size - 1) / 2.0;
        var line = (-offset.square() / (2 * 1.5 * 1.5)).exp();
        line = line / line.sum();
        return (line.unsqueeze(1) * line.unsqueeze(0)).view(1, 1, size, size);
    }

    private static Tensor ToBytes(Tensor image) => (image.cpu().to_type(ScalarType.Float64) * 127.5 + 127.5).round().clamp(0, 255);
}

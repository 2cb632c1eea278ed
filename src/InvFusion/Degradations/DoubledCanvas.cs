using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Images in the corner of a canvas of zeros of twice their sides, on which a circular convolution is a plain one.</summary>
internal static class DoubledCanvas
{
    /// <summary>The left half of the canvas's spectrum: real <c>[…, H, W]</c> → complex <c>[…, 2H, W+1]</c>.</summary>
    public static Tensor Spectrum(Tensor images) => fft.rfft2(images, [2 * images.shape[^2], 2 * images.shape[^1]]);

    /// <summary>The image in the corner: complex <c>[…, 2H, W+1]</c> → real <c>[…, H, W]</c>.</summary>
    public static Tensor Image(Tensor half, int height, int width)
    {
        using var scope = NewDisposeScope();
        var columns = fft.ifft(half, 2 * height, -2);
        var canvas = fft.irfft(columns.narrow(-2, 0, height), 2 * width, -1); // only the rows that the crop leaves
        return canvas.narrow(-1, 0, width).MoveToOuterDisposeScope();
    }
}

using InvFusion.Degradations;
using InvFusion.Imaging;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Data;

/// <summary>Between pictures of bytes and tensors in [-1, 1].</summary>
public static class Pictures
{
    /// <summary>Bytes in planes as images <c>[N, C, H, W]</c> in [-1, 1].</summary>
    /// <param name="planes"><c>[N, C, H, W]</c> bytes.</param>
    /// <param name="shape">Shape of one image.</param>
    /// <param name="device">Where the images are put; the CPU when null.</param>
    public static Tensor ToTensor(byte[] planes, ImageShape shape, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(planes);
        using var scope = NewDisposeScope();
        var values = tensor(planes, device: device ?? CPU).to_type(ScalarType.Float32);
        return (values / 127.5 - 1).view(-1, shape.Channels, shape.Height, shape.Width).MoveToOuterDisposeScope();
    }

    /// <summary>A picture as one image <c>[1, C, H, W]</c> in [-1, 1].</summary>
    public static Tensor ToTensor(RgbImage picture, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(picture);
        return ToTensor(picture.ToPlanar(), new(picture.Channels, picture.Height, picture.Width), device);
    }

    /// <summary>An image <c>[C, H, W]</c> in [-1, 1] as a picture; what is outside of the range is clamped.</summary>
    public static RgbImage FromTensor(Tensor image)
    {
        ArgumentNullException.ThrowIfNull(image);
        using var scope = NewDisposeScope();
        var cpu = image.detach().cpu().to_type(ScalarType.Float32).clamp(-1, 1).contiguous();
        return RgbImage.FromPlanar(TensorMemory.Numbers<float>(cpu), (int)image.shape[0], (int)image.shape[1], (int)image.shape[2]);
    }

    /// <summary>A spread <c>[C, H, W]</c> as a heat map, the mean over channels, and its largest value.</summary>
    public static (RgbImage Map, float Largest) HeatMap(Tensor spread)
    {
        ArgumentNullException.ThrowIfNull(spread);
        using var scope = NewDisposeScope();
        var mean = spread.detach().cpu().mean([0]).contiguous();
        var values = TensorMemory.Numbers<float>(mean);
        var largest = values.Max();
        return (Colormap.Apply(values, (int)mean.shape[1], (int)mean.shape[0], 0, Math.Max(largest, 1e-3f)), largest);
    }
}

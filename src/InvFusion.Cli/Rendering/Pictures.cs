using InvFusion.Imaging;
using static TorchSharp.torch;

namespace InvFusion.Cli.Rendering;

/// <summary>Between tensors and pictures.</summary>
internal static class Pictures
{
    /// <summary>An image <c>[C, H, W]</c> in [-1, 1] as a picture.</summary>
    public static RgbImage FromTensor(Tensor image)
    {
        using var cpu = image.detach().cpu().to_type(ScalarType.Float32).clamp(-1, 1).contiguous();
        return RgbImage.FromPlanar(cpu.data<float>().ToArray(), (int)image.shape[0], (int)image.shape[1], (int)image.shape[2]);
    }

    /// <summary>A picture as a tensor <c>[C, H, W]</c> in [-1, 1].</summary>
    public static Tensor ToTensor(RgbImage picture)
    {
        using var bytes = tensor(picture.ToPlanar()).to_type(ScalarType.Float32);
        return (bytes / 127.5 - 1).view(picture.Channels, picture.Height, picture.Width);
    }

    /// <summary>A spread <c>[C, H, W]</c> as a heat map, the mean over channels, and its largest value.</summary>
    public static (RgbImage Map, float Largest) HeatMap(Tensor spread)
    {
        using var mean = spread.detach().cpu().mean([0]).contiguous();
        var values = mean.data<float>().ToArray();
        var largest = values.Max();
        return (Colormap.Apply(values, (int)mean.shape[1], (int)mean.shape[0], 0, Math.Max(largest, 1e-3f)), largest);
    }
}

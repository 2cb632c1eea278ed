using InvFusion.Imaging;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>Preparing images: ADM's centre crop and Pillow's resizing; every byte must be equal.</summary>
internal static class DataCase
{
    private const int Side = 64;

    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        foreach (var name in golden.TensorNames)
        {
            var (what, source) = (name.Split('_')[0], ImageDecoder.Load(golden.PathOf($"in_{name.Split('_')[1]}.png")));
            var image = what switch
            {
                "crop64" => CenterCrop.Adm(source, Side),
                "box" => Halve(source),
                "resize64" => Resampler.Resize(source, Side, Side, ResampleFilter.Bicubic),
                _ => throw new DataFormatException($"{golden.Name}: no way is known to make {name}"),
            };
            var ours = tensor(image.Pixels).reshape(image.Height, image.Width, image.Channels);
            comparison.Check(name, ours, golden.Tensor(name), tolerance: 0);
        }
    }

    // The first part of the crop: halvings with the box filter down to less than twice the side.
    private static RgbImage Halve(RgbImage image)
    {
        while (Math.Min(image.Width, image.Height) >= 2 * Side)
            image = Resampler.Resize(image, image.Width / 2, image.Height / 2, ResampleFilter.Box);
        return image;
    }
}

using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Formats.IO;
using InvFusion.Imaging;
using static TorchSharp.torch;

namespace InvFusion.Cli.Rendering;

/// <summary>Reads what the user gives as an input.</summary>
internal static class InputImage
{
    /// <summary>An image of the given shape, <c>[1, C, H, W]</c> in [-1, 1]; another size is resized and centre-cropped with a notice.</summary>
    public static Tensor Load(string path, ImageShape shape, Reporter reporter) => ToTensor(Decode(path), path, shape, reporter);

    /// <summary>The picture of a file.</summary>
    public static RgbImage Decode(string path)
    {
        RequireFile(path);
        return ImageDecoder.Load(path);
    }

    /// <summary>A decoded picture in the given shape, see <see cref="Load"/>.</summary>
    public static Tensor ToTensor(RgbImage picture, string path, ImageShape shape, Reporter reporter, Device? device = null)
    {
        if (shape.Channels == 1)
            picture = picture.ToGrey();
        if (picture.Width != shape.Width || picture.Height != shape.Height)
        {
            reporter.Line($"{path}: {picture.Width}×{picture.Height} pixels, resized and centre-cropped to {shape.Width}×{shape.Height}");
            picture = Fit(picture, shape);
        }
        return Pictures.ToTensor(picture, device);
    }

    /// <summary>Raises a clear error where the path is no file.</summary>
    public static void RequireFile(string path)
    {
        if (Directory.Exists(path))
            throw new DataFormatException($"{path}: is a folder; name a file");
        if (!File.Exists(path))
            throw new DataFormatException($"{path}: no such file; check the path");
        if (InputFile.IsSpecial(path))
            throw new DataFormatException($"{path}: {InputFile.Special}");
    }

    private static RgbImage Fit(RgbImage picture, ImageShape shape)
    {
        var scale = Math.Max((double)shape.Width / picture.Width, (double)shape.Height / picture.Height);
        int width = Math.Max(shape.Width, (int)Math.Round(picture.Width * scale)),
            height = Math.Max(shape.Height, (int)Math.Round(picture.Height * scale));
        var resized = Resampler.Resize(picture, width, height, ResampleFilter.Lanczos);
        return resized.Crop((width - shape.Width) / 2, (height - shape.Height) / 2, shape.Width, shape.Height);
    }
}

using InvFusion.Formats.IO;
using SkiaSharp;

namespace InvFusion.Imaging;

/// <summary>Writes PNG, JPEG, WebP and BMP; which one, the file's extension says.</summary>
public static class ImageEncoder
{
    /// <summary>Quality of JPEG and WebP where none is given.</summary>
    public const int DefaultQuality = 95;

    /// <summary>Writes an image atomically: a reader sees the whole file or none.</summary>
    /// <param name="image">The image.</param>
    /// <param name="path">Ends in .png, .jpg, .jpeg, .webp or .bmp.</param>
    /// <param name="quality">1 to 100; JPEG keeps full colour resolution, WebP is lossless at 100; PNG and BMP always are.</param>
    /// <exception cref="ConfigurationException">The extension is another one, or the quality is out of range.</exception>
    /// <exception cref="DataFormatException">The file cannot be written, or the format cannot hold the image.</exception>
    public static void Save(RgbImage image, string path, int quality = DefaultQuality)
    {
        ArgumentNullException.ThrowIfNull(path);
        AtomicFile.WriteAllBytes(path, Encode(image, path, quality));
    }

    /// <summary>The bytes that <see cref="Save"/> would write.</summary>
    /// <param name="image">The image.</param>
    /// <param name="name">A file name or an extension with its dot.</param>
    /// <param name="quality">As for <see cref="Save"/>.</param>
    /// <inheritdoc cref="Save"/>
    public static byte[] Encode(RgbImage image, string name, int quality = DefaultQuality)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (quality is < 1 or > 100)
            throw new ConfigurationException($"quality {quality}: must be 1 to 100");
        return Path.GetExtension(name).ToUpperInvariant() switch
        {
            ".PNG" => WithSkia(image, name, (pixels, to) => pixels.Encode(to, SKPngEncoderOptions.Default)),
            ".JPG" or ".JPEG" => WithSkia(image, name, (pixels, to) => pixels.Encode(to, Jpeg(quality))),
            ".WEBP" => WithSkia(image, name, (pixels, to) => pixels.Encode(to, WebP(quality))),
            ".BMP" => BmpWriter.Encode(image),
            _ => throw new ConfigurationException($"{name}: no image format for this extension; use .png, .jpg, .webp or .bmp"),
        };
    }

    private static SKJpegEncoderOptions Jpeg(int quality) =>
        new(quality, SKJpegEncoderDownsample.Downsample444, SKJpegEncoderAlphaOption.Ignore);

    private static SKWebpEncoderOptions WebP(int quality) =>
        quality == 100
            ? new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossless, 75)
            : new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossy, quality);

    private static byte[] WithSkia(RgbImage image, string name, Func<SKPixmap, SKWStream, bool> encode)
    {
        var info = new SKImageInfo(
            image.Width,
            image.Height,
            image.Channels == 1 ? SKColorType.Gray8 : SKColorType.Rgba8888,
            SKAlphaType.Opaque,
            SKColorSpace.CreateSrgb()
        );
        using var bitmap = new SKBitmap(info);
        CopyInto(bitmap, image);
        using var pixels = bitmap.PeekPixels();
        using var stream = new SKDynamicMemoryWStream();
        if (!encode(pixels, stream))
            throw new DataFormatException($"{name}: an image of {image.Width}x{image.Height} does not fit this format; use .png");
        using var data = stream.DetachAsData();
        return data.ToArray();
    }

    private static void CopyInto(SKBitmap bitmap, RgbImage image)
    {
        var target = bitmap.GetPixelSpan();
        for (var y = 0; y < image.Height; y++)
        {
            var row = image.Pixels.AsSpan(y * image.Width * image.Channels, image.Width * image.Channels);
            var to = target[(y * bitmap.RowBytes)..];
            if (image.Channels == 1)
                row.CopyTo(to);
            else
                for (int s = 0, t = 0; s < row.Length; s += 3, t += 4)
                    (to[t], to[t + 1], to[t + 2], to[t + 3]) = (row[s], row[s + 1], row[s + 2], 255);
        }
    }
}

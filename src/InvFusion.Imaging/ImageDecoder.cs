using SkiaSharp;

namespace InvFusion.Imaging;

/// <summary>Reads PNG, JPEG, WebP, BMP and GIF (first frame) as 8-bit RGB, as Pillow's <c>convert("RGB")</c> gives it.</summary>
/// <remarks>
/// Grey and palette images become RGB; alpha is dropped, not blended; 16-bit values keep their upper byte; CMYK is converted without a profile; the EXIF
/// orientation is applied; colour profiles are not. A file that ends too early is an error, never a picture with a grey rest.
/// </remarks>
public static class ImageDecoder
{
    /// <summary>The largest image that is decoded; a small file can claim any size.</summary>
    private const long MaxPixels = 1L << 28;

    /// <summary>Reads an image file.</summary>
    /// <exception cref="DataFormatException">The file is missing, is no image, or is truncated or damaged; the message names it.</exception>
    public static RgbImage Load(string path)
    {
        byte[] content;
        try
        {
            content = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new DataFormatException($"{path}: no such file", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFormatException($"{path}: cannot be read ({e.Message.TrimEnd('.')})", e);
        }
        return Decode(content, path);
    }

    /// <summary>Reads an image from a stream, to its end.</summary>
    /// <param name="stream">The encoded image.</param>
    /// <param name="name">What an error calls it.</param>
    /// <inheritdoc cref="Load(string)"/>
    public static RgbImage Load(Stream stream, string name)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using var copy = new MemoryStream();
        try
        {
            stream.CopyTo(copy);
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw new DataFormatException($"{name}: cannot be read ({e.Message.TrimEnd('.')})", e);
        }
        return Decode(copy.GetBuffer().AsSpan(0, (int)copy.Length), name);
    }

    /// <summary>Decodes an image that is in memory.</summary>
    /// <param name="content">The encoded image.</param>
    /// <param name="name">What an error calls it.</param>
    /// <inheritdoc cref="Load(string)"/>
    public static RgbImage Decode(ReadOnlySpan<byte> content, string name)
    {
        if (content.IsEmpty)
            throw new DataFormatException($"{name}: is empty; an image was expected");
        using var data = SKData.CreateCopy(content);
        using var codec =
            SKCodec.Create(data)
            ?? throw new DataFormatException(
                ImageSignature.IsKnown(content)
                    ? $"{name}: is truncated or damaged; replace or remove the file"
                    : $"{name}: is not an image of a known format (PNG, JPEG, WebP, BMP, GIF)"
            );
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        if ((long)width * height > MaxPixels)
            throw new DataFormatException($"{name}: {width}x{height} is more than {MaxPixels} pixels; shrink it first");
        // No colour space: values stay as stored. Unpremultiplied: dropping alpha then leaves the stored colour.
        var info = new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul, null);
        using var bitmap = new SKBitmap();
        if (!bitmap.TryAllocPixels(info))
            throw new DataFormatException($"{name}: no memory for {width}x{height} pixels");
        var result = codec.GetPixels(info, bitmap.GetPixels());
        if (result != SKCodecResult.Success)
            throw new DataFormatException($"{name}: is truncated or damaged ({result}); replace or remove the file");
        return Orientation.Apply(WithoutAlpha(bitmap), codec.EncodedOrigin);
    }

    private static RgbImage WithoutAlpha(SKBitmap bitmap)
    {
        var image = new RgbImage(bitmap.Width, bitmap.Height);
        var source = bitmap.GetPixelSpan();
        var target = image.Pixels;
        for (var y = 0; y < image.Height; y++)
        {
            var row = source.Slice(y * bitmap.RowBytes, image.Width * 4);
            var to = target.AsSpan(y * image.Width * 3, image.Width * 3);
            for (int s = 0, t = 0; t < to.Length; s += 4, t += 3)
                (to[t], to[t + 1], to[t + 2]) = (row[s], row[s + 1], row[s + 2]);
        }
        return image;
    }
}

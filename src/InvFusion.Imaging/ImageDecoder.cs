using System.Buffers;
using System.Runtime.Intrinsics;
using SkiaSharp;

namespace InvFusion.Imaging;

/// <summary>Reads PNG, JPEG, WebP, BMP, TIFF and GIF (first picture) as 8-bit RGB, as Pillow's <c>convert("RGB")</c> gives it.</summary>
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
        if (TiffDecoder.IsTiff(content))
            return TiffDecoder.Decode(content, name, MaxPixels);
        using var data = SKData.CreateCopy(content);
        using var codec =
            SKCodec.Create(data)
            ?? throw new DataFormatException(
                ImageSignature.IsKnown(content)
                    ? $"{name}: is truncated or damaged; replace or remove the file"
                    : $"{name}: is not an image of a known format (PNG, JPEG, WebP, BMP, TIFF, GIF)"
            );
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        if ((long)width * height > MaxPixels)
            throw new DataFormatException($"{name}: {width}x{height} is more than {MaxPixels} pixels; shrink it first");
        // No colour space: values stay as stored. Unpremultiplied: dropping alpha then leaves the stored colour.
        var info = new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul, null);
        // Memory of a pool: fresh pages for every image would cost as much as a tenth of the decoding.
        var pixels = ArrayPool<byte>.Shared.Rent(checked(info.BytesSize));
        try
        {
            var result = Read(codec, info, pixels);
            if (result != SKCodecResult.Success)
                throw new DataFormatException($"{name}: is truncated or damaged ({result}); replace or remove the file");
            return Orientation.Apply(WithoutAlpha(pixels, width, height), codec.EncodedOrigin);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(pixels);
        }
    }

    private static unsafe SKCodecResult Read(SKCodec codec, SKImageInfo info, byte[] pixels)
    {
        fixed (byte* pointer = pixels)
            return codec.GetPixels(info, (nint)pointer);
    }

    private static RgbImage WithoutAlpha(ReadOnlySpan<byte> pixels, int width, int height)
    {
        var image = RgbImage.Unset(width, height);
        var target = image.Pixels.AsSpan();
        var (s, t) = (0, 0);
        // Four pixels at once; what is written behind them is overwritten next.
        var colours = Vector128.Create((byte)0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15);
        for (; t <= target.Length - Vector128<byte>.Count; s += 16, t += 12)
            Vector128.Shuffle(Vector128.Create(pixels[s..]), colours).CopyTo(target[t..]);
        for (; t < target.Length; s += 4, t += 3)
            (target[t], target[t + 1], target[t + 2]) = (pixels[s], pixels[s + 1], pixels[s + 2]);
        return image;
    }
}

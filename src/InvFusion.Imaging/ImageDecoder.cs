using System.Buffers;
using System.Runtime.Intrinsics;
using InvFusion.Formats.IO;
using SkiaSharp;

namespace InvFusion.Imaging;

/// <summary>Reads PNG, JPEG, WebP, BMP, TIFF and GIF (first picture) as 8-bit RGB, as Pillow's <c>convert("RGB")</c> gives it.</summary>
/// <remarks>
/// Grey and palette images become RGB; alpha is dropped, not blended: a transparent pixel has the colour that is stored for it; 16-bit values keep their upper byte; CMYK is converted without a profile; the EXIF
/// orientation is applied; colour profiles are not. A file that ends too early is an error, never a picture with a grey rest; of a progressive
/// JPEG that was closed after some of its scans nobody can tell. All threads share one budget of memory, and a size is held against what the file can hold before any is taken.
/// </remarks>
public static class ImageDecoder
{
    private const int LargestPooled = 16 << 20;
    private const int BytesAhead = 16;

    // One for all threads.
    private static readonly MemoryBudget Memory = MemoryBudget.OfMachine();

    /// <summary>Reads an image file.</summary>
    /// <exception cref="DataFormatException">The file is missing, is no image, or is truncated or damaged; the message names it.</exception>
    public static RgbImage Load(string path) => Decode(ReadAll(path), path);

    private static byte[] ReadAll(string path)
    {
        try
        {
            return InputFile.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new DataFormatException($"{path}: no such file", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFormatException($"{path}: cannot be read ({e.Message.TrimEnd('.')})", e);
        }
    }

    /// <summary>The alpha of an image file, one channel, 255 where it has none; null for a TIFF, whose alpha is not read.</summary>
    /// <inheritdoc cref="Load(string)"/>
    public static RgbImage? LoadAlpha(string path)
    {
        var content = ReadAll(path);
        return TiffDecoder.IsTiff(content) ? null : DecodeWithSkia(content, path, image => image, alpha: true);
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
    public static RgbImage Decode(ReadOnlySpan<byte> content, string name) => Decode(content, name, image => image);

    /// <summary>Decodes an image and makes something smaller of it, while its share of the memory that all threads decode in is held.</summary>
    /// <param name="content">The encoded image.</param>
    /// <param name="name">What an error calls it.</param>
    /// <param name="use">What is made of it.</param>
    /// <inheritdoc cref="Load(string)"/>
    public static T Decode<T>(ReadOnlySpan<byte> content, string name, Func<RgbImage, T> use)
    {
        ArgumentNullException.ThrowIfNull(use);
        if (content.IsEmpty)
            throw new DataFormatException($"{name}: is empty; an image was expected");
        try
        {
            if (TiffDecoder.IsTiff(content))
                return TiffDecoder.Decode(content, name, Memory, use);
            return ImageSignature.IsKnown(content)
                ? DecodeWithSkia(content, name, use)
                : throw new DataFormatException($"{name}: is not an image of a known format (PNG, JPEG, WebP, BMP, TIFF, GIF)");
        }
        catch (OutOfMemoryException e)
        {
            throw new DataFormatException($"{name}: there is not enough memory to read it; shrink it, or give the program more", e);
        }
    }

    private static unsafe T DecodeWithSkia<T>(ReadOnlySpan<byte> content, string name, Func<RgbImage, T> use, bool alpha = false)
    {
        var encoded = Changed(content, name) is { } changed ? changed : content;
        fixed (byte* pointer = encoded)
        {
            using var data = SKData.Create((nint)pointer, encoded.Length);
            using var codec =
                SKCodec.Create(data) ?? throw new DataFormatException($"{name}: is truncated or damaged; replace or remove the file");
            var (width, height) = (codec.Info.Width, codec.Info.Height);
            using var share = Memory.Take(ImageClaim.Bytes(content, width, height, name), name);
            var origin = ExifOrientation.Of(content) is var own && own != SKEncodedOrigin.TopLeft ? own : codec.EncodedOrigin;
            return use(Orientation.Apply(Read(codec, width, height, name, alpha), origin));
        }
    }

    // What Skia is to decode where that is not the content itself: it takes the end of a JPEG for the end of the picture, and a transparent pixel of a GIF for black.
    private static byte[]? Changed(ReadOnlySpan<byte> content, string name)
    {
        if (content[0] == 0xFF && JpegScans.EndOfOnlyScan(content, name) is var end and > 0)
        {
            // Without the end's marker, a picture that lacks rows meets the end of the file, which is an error. The decoder reads ahead by some bytes.
            var open = new byte[end + 2 * BytesAhead];
            content[..end].CopyTo(open);
            for (var i = end; i < open.Length; i += 2)
                open[i] = 0xFF;
            return open;
        }
        if (GifTransparency.FlagOfFirst(content) is var flag and > 0)
        {
            var opaque = content.ToArray();
            opaque[flag] &= 0xFE;
            return opaque;
        }
        return null;
    }

    private static RgbImage Read(SKCodec codec, int width, int height, string name, bool alpha)
    {
        // No colour space: values stay as stored. Unpremultiplied: dropping alpha then leaves the stored colour.
        var info = new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul, null);
        var bytes = checked(info.BytesSize);
        // Memory of a pool: fresh pages for every image would cost as much as a tenth of the decoding. The pool keeps what it has: nothing large.
        var pooled = bytes <= LargestPooled;
        var pixels = pooled ? ArrayPool<byte>.Shared.Rent(bytes) : GC.AllocateUninitializedArray<byte>(bytes);
        try
        {
            var result = Read(codec, info, pixels);
            if (result != SKCodecResult.Success)
                throw new DataFormatException($"{name}: is truncated or damaged ({result}); replace or remove the file");
            return alpha ? AlphaOf(pixels, width, height) : WithoutAlpha(pixels, width, height);
        }
        finally
        {
            if (pooled)
                ArrayPool<byte>.Shared.Return(pixels);
        }
    }

    private static unsafe SKCodecResult Read(SKCodec codec, SKImageInfo info, byte[] pixels)
    {
        fixed (byte* pointer = pixels)
            return codec.GetPixels(info, (nint)pointer);
    }

    private static RgbImage AlphaOf(ReadOnlySpan<byte> pixels, int width, int height)
    {
        var image = RgbImage.Unset(width, height, 1);
        for (var i = 0; i < image.Pixels.Length; i++)
            image.Pixels[i] = pixels[4 * i + 3];
        return image;
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

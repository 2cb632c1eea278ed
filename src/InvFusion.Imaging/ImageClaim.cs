namespace InvFusion.Imaging;

/// <summary>The size that a file claims, held against what its bytes can hold, before memory is taken for it: a few bytes can claim any size.</summary>
internal static class ImageClaim
{
    /// <summary>The largest image that is decoded.</summary>
    public const long MaxPixels = 1L << 28;

    // RGBA and from it RGB. A turned copy is made when the RGBA is gone.
    private const int BytesOfPixel = 4 + 3;

    /// <summary>Bytes that decoding takes.</summary>
    /// <param name="content">The encoded image, not a TIFF.</param>
    /// <param name="width">As claimed.</param>
    /// <param name="height">As claimed.</param>
    /// <param name="name">What an error calls it.</param>
    /// <exception cref="DataFormatException">The content is too short for the claim, or the claim is above <see cref="MaxPixels"/>.</exception>
    public static long Bytes(ReadOnlySpan<byte> content, int width, int height, string name)
    {
        var pixels = RequireSmall((ulong)width, (ulong)height, name);
        var (always, ofByte) = Most(content);
        if (pixels > always + ofByte * content.Length)
            throw new DataFormatException(
                $"{name}: is truncated or damaged (claims {width}x{height} pixels in {content.Length} bytes); replace or remove the file"
            );
        return BytesOfPixel * pixels;
    }

    /// <summary>The number of pixels, which must be at most <see cref="MaxPixels"/>.</summary>
    public static long RequireSmall(ulong width, ulong height, string name) =>
        (UInt128)width * height <= MaxPixels
            ? (long)(width * height)
            : throw new DataFormatException($"{name}: {width}x{height} is more than {MaxPixels} pixels; shrink it first");

    // Pixels that are always allowed, and how many more a byte can hold.
    private static (long Always, long OfByte) Most(ReadOnlySpan<byte> content) =>
        content[0] switch
        {
            0x89 => (1 << 20, 8 * 1032), // PNG: Deflate's best, one bit a pixel
            0xFF => (1 << 20, 1024), // JPEG: a block of a colour in one bit, 9 of them for the 32x32 pixels of the coarsest sampling
            (byte)'B' => (1 << 20, 128), // BMP: a run of 255 pixels in two bytes
            (byte)'G' => (1 << 20, 2731), // GIF: a string of 4096 pixels in 12 bits
            _ => (1 << 24, 1024), // WebP: a block of 16x16 takes some bits, but a lossless picture of one colour none at all
        };
}

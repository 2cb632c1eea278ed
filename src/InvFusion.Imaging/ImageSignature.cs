namespace InvFusion.Imaging;

/// <summary>The first bytes of the formats that <see cref="ImageDecoder"/> reads, so that an error can tell a damaged image from another file.</summary>
internal static class ImageSignature
{
    /// <summary>Whether the content starts as a PNG, JPEG, WebP, BMP or GIF does.</summary>
    public static bool IsKnown(ReadOnlySpan<byte> content) =>
        content.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G'])
        || content.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF])
        || (content.StartsWith("RIFF"u8) && content.Length >= 12 && content[8..].StartsWith("WEBP"u8))
        || content.StartsWith("BM"u8)
        || content.StartsWith("GIF8"u8);
}

namespace InvFusion.Testing;

/// <summary>Writes GIF files of one picture, without compression: codes of eight bits that are pixels, and a new table before the codes grow.</summary>
public static class GifFile
{
    private const byte Clear = 128;
    private const byte End = 129;

    /// <summary>Encodes indices of a palette.</summary>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="palette">Red, green and blue of up to 128 colours.</param>
    /// <param name="pixels">Indices.</param>
    /// <param name="transparent">The index of the colour that is transparent; none when null.</param>
    public static byte[] Encode(int width, int height, byte[] palette, byte[] pixels, byte? transparent = null)
    {
        byte[] codes = [.. pixels.Chunk(100).SelectMany(part => (byte[])[Clear, .. part]), End];
        return
        [
            .. "GIF89a"u8,
            .. Size(),
            0x80 | 6, // a palette of 128 colours
            0,
            0,
            .. palette,
            .. new byte[3 * 128 - palette.Length],
            .. transparent is { } index ? (byte[])[0x21, 0xF9, 4, 1, 0, 0, index, 0] : [],
            0x2C,
            0,
            0,
            0,
            0,
            .. Size(),
            0,
            7,
            .. codes.Chunk(255).SelectMany(block => (byte[])[(byte)block.Length, .. block]),
            0,
            0x3B,
        ];

        byte[] Size() => [(byte)width, (byte)(width >> 8), (byte)height, (byte)(height >> 8)];
    }
}

using System.Buffers.Binary;

namespace InvFusion.Imaging;

/// <summary>Writes 24-bit BMP, which Skia reads but does not write.</summary>
internal static class BmpWriter
{
    private const int HeaderSize = 14 + 40;

    /// <summary>The file's content: header, then rows from bottom to top in blue, green, red, each padded to 4 bytes.</summary>
    public static byte[] Encode(RgbImage image)
    {
        image = image.ToRgb();
        var stride = (image.Width * 3 + 3) / 4 * 4;
        var file = new byte[checked(HeaderSize + stride * image.Height)];
        WriteHeader(file, image);
        for (var y = 0; y < image.Height; y++)
        {
            var source = image.Pixels.AsSpan(y * image.Width * 3, image.Width * 3);
            var row = file.AsSpan(HeaderSize + (image.Height - 1 - y) * stride, stride);
            for (var i = 0; i < source.Length; i += 3)
                (row[i], row[i + 1], row[i + 2]) = (source[i + 2], source[i + 1], source[i]);
        }
        return file;
    }

    private static void WriteHeader(Span<byte> file, RgbImage image)
    {
        "BM"u8.CopyTo(file);
        BinaryPrimitives.WriteInt32LittleEndian(file[2..], file.Length);
        BinaryPrimitives.WriteInt32LittleEndian(file[10..], HeaderSize);
        BinaryPrimitives.WriteInt32LittleEndian(file[14..], 40); // size of BITMAPINFOHEADER
        BinaryPrimitives.WriteInt32LittleEndian(file[18..], image.Width);
        BinaryPrimitives.WriteInt32LittleEndian(file[22..], image.Height);
        BinaryPrimitives.WriteInt16LittleEndian(file[26..], 1); // planes
        BinaryPrimitives.WriteInt16LittleEndian(file[28..], 24); // bits of a pixel
        BinaryPrimitives.WriteInt32LittleEndian(file[34..], file.Length - HeaderSize);
    }
}

using System.Buffers.Binary;

namespace InvFusion.Testing;

/// <summary>Writes uncompressed TIFF files of one strip, in either byte order, without a library.</summary>
public static class TiffFile
{
    /// <summary>Encodes rows of samples.</summary>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="bits">Bits of a sample.</param>
    /// <param name="samples">Samples of a pixel.</param>
    /// <param name="photometric">0 white is zero, 1 black is zero, 2 RGB, 3 palette.</param>
    /// <param name="pixels">The strip; 16-bit samples already in the byte order of the file.</param>
    /// <param name="bigEndian">Byte order.</param>
    /// <param name="tags">Further tags of 16-bit values.</param>
    public static byte[] Encode(
        int width,
        int height,
        int bits,
        int samples,
        int photometric,
        byte[] pixels,
        bool bigEndian = false,
        params (int Tag, ushort[] Values)[] tags
    )
    {
        (int Tag, ushort[] Values)[] all =
        [
            (256, [(ushort)width]),
            (257, [(ushort)height]),
            (258, [.. Enumerable.Repeat((ushort)bits, samples)]),
            (259, [1]),
            (262, [(ushort)photometric]),
            (273, [8]),
            (277, [(ushort)samples]),
            (278, [(ushort)height]),
            (279, [(ushort)pixels.Length]),
            .. tags,
        ];
        Array.Sort(all, (a, b) => a.Tag.CompareTo(b.Tag));
        var directory = (8 + pixels.Length + 1) / 2 * 2;
        var extra = directory + 2 + 12 * all.Length + 4;
        var file = new byte[extra + all.Where(t => t.Values.Length > 2).Sum(t => 2 * t.Values.Length)];
        (bigEndian ? "MM"u8 : "II"u8).CopyTo(file);
        Short(2, 42);
        Long(4, directory);
        pixels.CopyTo(file, 8);
        Short(directory, all.Length);
        for (var i = 0; i < all.Length; i++)
        {
            var at = directory + 2 + 12 * i;
            var (tag, values) = all[i];
            Short(at, tag);
            Short(at + 2, 3);
            Long(at + 4, values.Length);
            var target = at + 8;
            if (values.Length > 2)
            {
                Long(at + 8, extra);
                (target, extra) = (extra, extra + 2 * values.Length);
            }
            for (var k = 0; k < values.Length; k++)
                Short(target + 2 * k, values[k]);
        }
        return file;

        void Short(int at, int value)
        {
            if (bigEndian)
                BinaryPrimitives.WriteUInt16BigEndian(file.AsSpan(at), (ushort)value);
            else
                BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at), (ushort)value);
        }

        void Long(int at, int value)
        {
            if (bigEndian)
                BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(at), value);
            else
                BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), value);
        }
    }
}

namespace InvFusion.Testing;

/// <summary>A baseline JPEG of 8x8 pixels of one ink mixture, in Adobe's way: four components, values inverted.</summary>
public static class FlatCmykJpeg
{
    /// <summary>Encodes the stored (inverted) values of the four components.</summary>
    public static byte[] Encode(byte c, byte m, byte y, byte k)
    {
        byte[] dc = [0, 0, 0, 9, .. new byte[12], 0, 1, 2, 3, 4, 5, 6, 7, 8]; // nine categories with codes of four bits: the code is the category
        byte[] ac = [1, .. new byte[15], 0]; // only "end of block", code 0
        return
        [
            .. (byte[])[0xFF, 0xD8],
            .. Segment(0xEE, [.. "Adobe"u8, 0, 100, 0, 0, 0, 0, 0]),
            .. Segment(0xDB, [0, .. Enumerable.Repeat((byte)8, 64)]), // step 8: a coefficient is the value itself
            .. Segment(0xC0, [8, 0, 8, 0, 8, 4, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x11, 0]),
            .. Segment(0xC4, [0x00, .. dc, 0x10, .. ac]),
            .. Segment(0xDA, [4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0]),
            .. Scan([c, m, y, k]),
            .. (byte[])[0xFF, 0xD9],
        ];
    }

    private static byte[] Segment(byte marker, byte[] body) =>
        [0xFF, marker, (byte)((body.Length + 2) >> 8), (byte)(body.Length + 2), .. body];

    private static IEnumerable<byte> Scan(byte[] values)
    {
        var bits = string.Concat(values.Select(v => Block(v - 128)));
        bits = bits.PadRight((bits.Length + 7) / 8 * 8, '1');
        foreach (var start in Enumerable.Range(0, bits.Length / 8))
        {
            var b = Convert.ToByte(bits.Substring(start * 8, 8), 2);
            yield return b;
            if (b == 0xFF)
                yield return 0; // a data byte FF is followed by 0
        }
    }

    private static string Block(int coefficient)
    {
        var category = coefficient == 0 ? 0 : (int)Math.Log2(Math.Abs(coefficient)) + 1;
        var magnitude = coefficient > 0 ? coefficient : coefficient + (1 << category) - 1;
        return Convert.ToString(category, 2).PadLeft(4, '0')
            + (category == 0 ? "" : Convert.ToString(magnitude, 2).PadLeft(category, '0'))
            + "0";
    }
}

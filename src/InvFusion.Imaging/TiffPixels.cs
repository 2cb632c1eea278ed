using System.Runtime.InteropServices;
using BitMiracle.LibTiff.Classic;

namespace InvFusion.Imaging;

/// <summary>From the samples of a TIFF to RGB.</summary>
internal static class TiffPixels
{
    /// <summary>The picture.</summary>
    /// <param name="planes">The samples as stored; 16-bit ones in the byte order of this machine.</param>
    /// <param name="layout">How they are stored.</param>
    public static RgbImage ToRgb(byte[][] planes, TiffLayout layout)
    {
        var image = new RgbImage(layout.Width, layout.Height);
        var colours = layout.Colours == Photometric.RGB ? 3 : 1;
        var values = Enumerable.Range(0, layout.Multiplied ? colours + 1 : colours).Select(_ => new byte[layout.Width]).ToArray();
        for (var y = 0; y < layout.Height; y++)
        {
            for (var c = 0; c < values.Length; c++)
            {
                var (plane, offset, step) = layout.Planes > 1 ? (planes[c], 0, 1) : (planes[0], c, layout.Samples);
                ReadSamples(plane.AsSpan(y * layout.RowBytes, layout.RowBytes), layout, offset, step, values[c]);
            }
            if (layout.Multiplied)
                Divide(values, colours);
            Write(values, layout, image.Pixels.AsSpan(3 * y * layout.Width, 3 * layout.Width));
        }
        return image;
    }

    // One sample of each pixel of a row: the index of a palette as it is, anything else in the range 0 to 255.
    private static void ReadSamples(ReadOnlySpan<byte> row, TiffLayout layout, int offset, int step, Span<byte> values)
    {
        if (layout.Bits == 8)
            for (int x = 0, at = offset; x < values.Length; x++, at += step)
                values[x] = row[at];
        else if (layout.Bits == 16)
        {
            var wide = MemoryMarshal.Cast<byte, ushort>(row);
            for (int x = 0, at = offset; x < values.Length; x++, at += step)
                values[x] = (byte)(wide[at] >> 8);
        }
        else
        {
            var largest = (1 << layout.Bits) - 1;
            var scale = layout.Colours == Photometric.PALETTE ? 1 : 255 / largest;
            for (int x = 0, bit = offset * layout.Bits; x < values.Length; x++, bit += step * layout.Bits)
                values[x] = (byte)(((row[bit / 8] >> (8 - layout.Bits - bit % 8)) & largest) * scale);
        }
    }

    // Undoes the multiplication by alpha, as Pillow does; fully transparent pixels stay as they are.
    private static void Divide(byte[][] values, int colours)
    {
        var alpha = values[colours];
        for (var c = 0; c < colours; c++)
        for (var x = 0; x < alpha.Length; x++)
            if (alpha[x] > 0)
                values[c][x] = (byte)Math.Min(255 * values[c][x] / alpha[x], 255);
    }

    private static void Write(byte[][] values, TiffLayout layout, Span<byte> target)
    {
        for (var x = 0; x < layout.Width; x++)
        {
            var first = values[0][x];
            var pixel = target.Slice(3 * x, 3);
            switch (layout.Colours)
            {
                case Photometric.RGB:
                    (pixel[0], pixel[1], pixel[2]) = (first, values[1][x], values[2][x]);
                    break;
                case Photometric.PALETTE:
                    for (var c = 0; c < 3; c++)
                        pixel[c] = (byte)(layout.Palette[c][first] >> 8);
                    break;
                default:
                    pixel.Fill(layout.Colours == Photometric.MINISWHITE ? (byte)(255 - first) : first);
                    break;
            }
        }
    }
}

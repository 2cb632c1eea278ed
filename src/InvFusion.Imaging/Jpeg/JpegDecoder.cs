using System.Buffers;
using System.Runtime.Intrinsics;

namespace InvFusion.Imaging.Jpeg;

/// <summary>
/// Decodes ordinary JPEG files (see <see cref="JpegHeader"/>) with vectors, to the same bytes as libjpeg's accurate transform and smooth upsampling: the libjpeg inside Skia is built without them and
/// takes about twice as long.
/// </summary>
internal static class JpegDecoder
{
    /// <summary>The image, not yet turned; null where the file is not ordinary or not sound: another decoder is to judge it.</summary>
    public static RgbImage? TryDecode(ReadOnlySpan<byte> file)
    {
        if (!Vector256.IsHardwareAccelerated || JpegHeader.Read(file) is not { } header)
            return null;
        try
        {
            foreach (var component in header.Components)
                Rent(component, header);
            return JpegScan.Read(header, file) ? Assemble(header) : null;
        }
        finally
        {
            foreach (var component in header.Components)
                if (component.Samples.Length > 0)
                    ArrayPool<byte>.Shared.Return(component.Samples);
        }
    }

    // Room for whole units of the scan.
    private static void Rent(JpegComponent component, JpegHeader header)
    {
        var luma = header.Components[0];
        component.Stride = ((header.Width - 1) / (8 * luma.Horizontal) + 1) * 8 * component.Horizontal;
        var rows = ((header.Height - 1) / (8 * luma.Vertical) + 1) * 8 * component.Vertical;
        component.Samples = ArrayPool<byte>.Shared.Rent(checked(component.Stride * rows + JpegColours.Slack));
    }

    private static RgbImage Assemble(JpegHeader header)
    {
        var image = RgbImage.Unset(header.Width, header.Height);
        var luma = header.Components[0];
        if (header.Components.Length == 1)
        {
            for (var y = 0; y < image.Height; y++)
            for (var x = 0; x < image.Width; x++)
                image.Pixels.AsSpan(3 * (y * image.Width + x), 3).Fill(luma.Samples[y * luma.Stride + x]);
            return image;
        }
        var (cb, cr) = (new byte[luma.Stride + 2 * JpegColours.Slack], new byte[luma.Stride + 2 * JpegColours.Slack]);
        var sums = new ushort[luma.Stride + 2 * JpegColours.Slack];
        var rgb = new byte[3 * (image.Width + 8) + JpegColours.Slack];
        for (var y = 0; y < image.Height; y++)
        {
            ReadColours(header, header.Components[1], y, sums, cb);
            ReadColours(header, header.Components[2], y, sums, cr);
            JpegColours.ToRgb(luma.Samples.AsSpan(y * luma.Stride), cb, cr, image.Width, rgb);
            rgb.AsSpan(0, 3 * image.Width).CopyTo(image.Pixels.AsSpan(3 * y * image.Width));
        }
        return image;
    }

    // A row of a colour difference, as wide as the image.
    private static void ReadColours(JpegHeader header, JpegComponent component, int y, ushort[] sums, byte[] target)
    {
        var luma = header.Components[0];
        if (luma.Horizontal == 1)
        {
            component.Samples.AsSpan(y * component.Stride, header.Width).CopyTo(target);
            return;
        }
        var (count, mixed) = ((header.Width + 1) / 2, luma.Vertical == 2);
        var near = mixed ? y / 2 : y;
        var far = Math.Clamp(y % 2 == 0 ? near - 1 : near + 1, 0, (header.Height + 1) / 2 - 1);
        JpegColours.Mix(Row(near), mixed ? Row(far) : [], sums);
        JpegColours.Double(sums, count, mixed, target);

        ReadOnlySpan<byte> Row(int row) => component.Samples.AsSpan(row * component.Stride, count);
    }
}

namespace InvFusion.Imaging;

/// <summary>An 8-bit image in memory: RGB, or grey with one channel; rows from top to bottom, channels interleaved.</summary>
public sealed class RgbImage
{
    /// <summary>Wraps pixels; the array is not copied.</summary>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="channels">3 (RGB) or 1 (grey).</param>
    /// <param name="pixels"><c>[height, width, channels]</c>.</param>
    /// <exception cref="ArgumentException">The sizes are not positive, or the array has another length.</exception>
    public RgbImage(int width, int height, int channels, byte[] pixels)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        if (channels is not (1 or 3))
            throw new ArgumentException($"an image has 1 or 3 channels, not {channels}", nameof(channels));
        if (pixels.LongLength != (long)width * height * channels)
            throw new ArgumentException($"{pixels.LongLength} bytes are not {width}x{height}x{channels}", nameof(pixels));
        (Width, Height, Channels, Pixels) = (width, height, channels, pixels);
    }

    /// <summary>A black image.</summary>
    /// <inheritdoc cref="RgbImage(int, int, int, byte[])"/>
    public RgbImage(int width, int height, int channels = 3)
        : this(width, height, channels, new byte[checked(width * height * channels)]) { }

    /// <summary>An image whose pixels are still to be written, all of them.</summary>
    internal static RgbImage Unset(int width, int height, int channels = 3) =>
        new(width, height, channels, GC.AllocateUninitializedArray<byte>(checked(width * height * channels)));

    /// <summary>Pixels in a row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>3 (RGB) or 1 (grey).</summary>
    public int Channels { get; }

    /// <summary>The content, <c>[Height, Width, Channels]</c>; may be written to.</summary>
    public byte[] Pixels { get; }

    /// <summary>The rectangle with its upper left corner at (<paramref name="x"/>, <paramref name="y"/>).</summary>
    /// <exception cref="ArgumentException">The rectangle is not inside the image.</exception>
    public RgbImage Crop(int x, int y, int width, int height)
    {
        if (x < 0 || y < 0 || width < 1 || height < 1 || x > Width - width || y > Height - height)
            throw new ArgumentException($"{width}x{height} at {x},{y} is not inside an image of {Width}x{Height}");
        var result = Unset(width, height, Channels);
        for (var row = 0; row < height; row++)
            Pixels.AsSpan(((y + row) * Width + x) * Channels, width * Channels).CopyTo(result.Pixels.AsSpan(row * width * Channels));
        return result;
    }

    /// <summary>Three channels; a grey value is repeated. An RGB image is returned as it is.</summary>
    public RgbImage ToRgb()
    {
        if (Channels == 3)
            return this;
        var result = new RgbImage(Width, Height);
        for (var i = 0; i < Pixels.Length; i++)
            result.Pixels.AsSpan(3 * i, 3).Fill(Pixels[i]);
        return result;
    }

    /// <summary>One channel: ITU-R 601 luma in Pillow's fixed point, (19595 R + 38470 G + 7471 B + 2¹⁵) / 2¹⁶. A grey image is returned as it is.</summary>
    public RgbImage ToGrey()
    {
        if (Channels == 1)
            return this;
        var result = new RgbImage(Width, Height, 1);
        for (var i = 0; i < result.Pixels.Length; i++)
            result.Pixels[i] = (byte)((19595 * Pixels[3 * i] + 38470 * Pixels[3 * i + 1] + 7471 * Pixels[3 * i + 2] + 0x8000) >> 16);
        return result;
    }

    /// <summary>The planes one after the other, as networks take them.</summary>
    /// <returns><c>[Channels, Height, Width]</c>.</returns>
    public byte[] ToPlanar()
    {
        var result = new byte[Pixels.Length];
        CopyPlanarTo(result);
        return result;
    }

    /// <summary>As <see cref="ToPlanar"/>, into memory of the caller.</summary>
    /// <param name="planes"><c>[Channels, Height, Width]</c>.</param>
    public void CopyPlanarTo(Span<byte> planes)
    {
        var area = Width * Height;
        for (var c = 0; c < Channels; c++)
        {
            var plane = planes.Slice(c * area, area);
            for (int i = 0, source = c; i < area; i++, source += Channels)
                plane[i] = Pixels[source];
        }
    }

    /// <summary>The image of planes that lie one after the other.</summary>
    /// <param name="planes"><c>[channels, height, width]</c>.</param>
    /// <param name="channels">3 or 1.</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Pixels in a row.</param>
    public static RgbImage FromPlanar(ReadOnlySpan<byte> planes, int channels, int height, int width)
    {
        var result = new RgbImage(width, height, channels);
        if (planes.Length != result.Pixels.Length)
            throw new ArgumentException($"{planes.Length} bytes are not {channels}x{height}x{width}", nameof(planes));
        var area = width * height;
        for (var c = 0; c < channels; c++)
        for (var i = 0; i < area; i++)
            result.Pixels[i * channels + c] = planes[c * area + i];
        return result;
    }

    /// <summary>The image of values in [-1, 1]: round((v + 1) · 127.5), clamped to 0..255.</summary>
    /// <param name="planes"><c>[channels, height, width]</c>; what is not a number becomes 0.</param>
    /// <param name="channels">3 or 1.</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Pixels in a row.</param>
    public static RgbImage FromPlanar(ReadOnlySpan<float> planes, int channels, int height, int width)
    {
        var bytes = new byte[planes.Length];
        for (var i = 0; i < bytes.Length; i++)
            bytes[i] = (byte)Math.Clamp(MathF.Round((planes[i] + 1) * 127.5f), 0, 255);
        return FromPlanar(bytes, channels, height, width);
    }
}

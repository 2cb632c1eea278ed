namespace InvFusion.Imaging;

/// <summary>Shows numbers as colours whose lightness grows evenly: black, violet, red, light yellow (after matplotlib's "magma", which is in the public domain).</summary>
public static class Colormap
{
    // Every sixteenth colour; those between are interpolated.
    private static readonly int[] Stops =
    [
        0x000004,
        0x0A0822,
        0x1D1147,
        0x36106B,
        0x51127C,
        0x6A1C81,
        0x832681,
        0x9C2E7F,
        0xB73779,
        0xD0416F,
        0xE75263,
        0xF4675C,
        0xFC8961,
        0xFEA772,
        0xFEC488,
        0xFDE2A3,
        0xFCFDBF,
    ];

    /// <summary>The map of a field of numbers.</summary>
    /// <param name="values"><c>[height, width]</c>; what is not a number becomes grey.</param>
    /// <param name="low">The number that is black.</param>
    /// <param name="high">The number that is brightest; null takes the largest of the field.</param>
    public static RgbImage Apply(float[,] values, float low = 0, float? high = null)
    {
        ArgumentNullException.ThrowIfNull(values);
        var (height, width) = (values.GetLength(0), values.GetLength(1));
        var flat = new float[values.Length];
        Buffer.BlockCopy(values, 0, flat, 0, flat.Length * sizeof(float));
        return Apply(flat, width, height, low, high);
    }

    /// <summary>The map of a field of numbers, row by row.</summary>
    /// <param name="values"><c>[height, width]</c>; what is not a number becomes grey.</param>
    /// <param name="width">Numbers of a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="low">The number that is black.</param>
    /// <param name="high">The number that is brightest; null takes the largest of the field.</param>
    public static RgbImage Apply(ReadOnlySpan<float> values, int width, int height, float low = 0, float? high = null)
    {
        var image = new RgbImage(width, height);
        if (values.Length != width * height)
            throw new ArgumentException($"{values.Length} numbers are not {width}x{height}", nameof(values));
        var range = (high ?? Largest(values, low)) - low;
        for (var i = 0; i < values.Length; i++)
        {
            var colour = Colour(range > 0 ? (values[i] - low) / range : values[i] - values[i]);
            (image.Pixels[3 * i], image.Pixels[3 * i + 1], image.Pixels[3 * i + 2]) = (colour.R, colour.G, colour.B);
        }
        return image;
    }

    private static float Largest(ReadOnlySpan<float> values, float least)
    {
        foreach (var value in values)
            if (float.IsFinite(value) && value > least)
                least = value;
        return least;
    }

    private static Rgb Colour(float position)
    {
        if (float.IsNaN(position))
            return new Rgb(128, 128, 128);
        var scaled = Math.Clamp(position, 0, 1) * (Stops.Length - 1);
        var index = Math.Min((int)scaled, Stops.Length - 2);
        var part = scaled - index;
        return new Rgb(Channel(index, 16, part), Channel(index, 8, part), Channel(index, 0, part));
    }

    private static byte Channel(int index, int shift, float part)
    {
        var (from, to) = (Stops[index] >> shift & 255, Stops[index + 1] >> shift & 255);
        return (byte)MathF.Round(from + (to - from) * part);
    }
}

namespace InvFusion.Degradations;

/// <summary>Where a <see cref="BlurBorder"/> finds the pixels beyond a frame, along one axis.</summary>
internal static class FrameBorder
{
    /// <summary>The pixel that stands at a place, or null where nothing does (zeros).</summary>
    /// <param name="at">The place; below 0 or from <paramref name="length"/> on it lies beyond the frame.</param>
    /// <param name="length">Pixels of the frame.</param>
    /// <param name="border">What lies beyond it.</param>
    public static int? Source(int at, int length, BlurBorder border)
    {
        if (border == BlurBorder.Periodic)
            return (at % length + length) % length;
        if (border != BlurBorder.Reflect)
            return at >= 0 && at < length ? at : null;
        var period = Math.Max(1, 2 * (length - 1));
        var folded = (at % period + period) % period;
        return Math.Min(folded, period - folded);
    }

    /// <summary>Refuses a frame of which nothing would be measured.</summary>
    /// <exception cref="ArgumentException">The blur is wider than the frame.</exception>
    public static void Require(BlurBorder border, int taps, int length)
    {
        if (border == BlurBorder.Valid && taps > length)
            throw new ArgumentException(
                $"the blur is {taps} pixels wide, the image {length}: with border=valid nothing is measured; use border=reflect, zero or periodic"
            );
    }
}

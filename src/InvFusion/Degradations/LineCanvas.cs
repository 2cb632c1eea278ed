namespace InvFusion.Degradations;

/// <summary>White lines on a black 8-bit canvas, rasterised as Pillow does; what lies outside is cut.</summary>
internal sealed class LineCanvas(int width, int height)
{
    /// <summary>The pixels, row by row.</summary>
    public byte[] Pixels { get; } = new byte[width * height];

    /// <summary>One pixel.</summary>
    public void Point((int X, int Y) at)
    {
        if (at.X >= 0 && at.X < width && at.Y >= 0 && at.Y < height)
            Pixels[at.Y * width + at.X] = 255;
    }

    /// <summary>Bresenham's line, one pixel wide; the end point is left to the next line.</summary>
    public void ThinLine((int X, int Y) from, (int X, int Y) to)
    {
        var (dx, dy) = (Math.Abs(to.X - from.X), Math.Abs(to.Y - from.Y));
        var (stepX, stepY) = (Math.Sign(to.X - from.X), Math.Sign(to.Y - from.Y));
        var flat = dx > dy;
        var (along, across) = flat ? (dx, dy) : (dy, dx);
        var error = 2 * across - along;
        var (x, y) = from;
        for (var i = 0; i < along; i++)
        {
            Point((x, y));
            if (error >= 0 && across > 0)
            {
                (x, y) = flat ? (x, y + stepY) : (x + stepX, y);
                error -= 2 * along;
            }
            error += 2 * across;
            (x, y) = flat ? (x + stepX, y) : (x, y + stepY);
        }
    }

    /// <summary>A filled rectangle along the line, its corners rounded to whole pixels; a line of no length is one pixel.</summary>
    public void WideLine((int X, int Y) from, (int X, int Y) to, int thickness)
    {
        var (dx, dy) = (to.X - from.X, to.Y - from.Y);
        if (dx == 0 && dy == 0)
        {
            Point(from);
            return;
        }
        var (length, half) = (Math.Sqrt((double)dx * dx + (double)dy * dy), (thickness - 1) / 2.0);
        var (more, less) = (HalfUp(half) / length, HalfDown(half) / length);
        var (lowX, highX) = (HalfDown(less * dy), HalfDown(more * dy));
        var (lowY, highY) = (HalfUp(less * dx), HalfUp(more * dx));
        FillConvex([
            (from.X - lowX, from.Y + highY),
            (to.X - lowX, to.Y + highY),
            (to.X + highX, to.Y - lowY),
            (from.X + highX, from.Y - lowY),
        ]);
    }

    // Edges' slopes and where they meet a row are in single precision, as Pillow's.
    private void FillConvex((int X, int Y)[] corners)
    {
        for (var y = corners.Min(c => c.Y); y <= corners.Max(c => c.Y); y++)
        {
            var (left, right) = (float.MaxValue, float.MinValue);
            for (var i = 0; i < corners.Length; i++)
            {
                var (a, b) = (corners[i], corners[(i + 1) % corners.Length]);
                if (y < Math.Min(a.Y, b.Y) || y > Math.Max(a.Y, b.Y))
                    continue;
                foreach (var x in a.Y == b.Y ? [a.X, b.X] : (float[])[(y - a.Y) * ((float)(b.X - a.X) / (b.Y - a.Y)) + a.X])
                    (left, right) = (Math.Min(left, x), Math.Max(right, x));
            }
            for (var x = HalfUp(left); x <= Math.Max(HalfUp(left), HalfDown(right)); x++)
                Point((x, y));
        }
    }

    // To the nearest whole number, halves away from zero or towards it.
    private static int HalfUp(double value) => (int)Math.Round(value, MidpointRounding.AwayFromZero);

    private static int HalfDown(double value) => Math.Sign(value) * (int)Math.Ceiling(Math.Abs(value) - 0.5);
}

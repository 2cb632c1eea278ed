namespace InvFusion.Training.Augmentation;

/// <summary>Pixels by which images are continued on each side.</summary>
internal readonly record struct Margin(int Left, int Right, int Top, int Bottom)
{
    /// <summary>What the maps and a filter reach beyond the image; at most a reflection gives.</summary>
    /// <param name="sources">Maps of centred pixels.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="height">Height of the image.</param>
    /// <param name="filter">Pixels that the filter needs on each side.</param>
    public static Margin Around(IReadOnlyList<Affine> sources, int width, int height, int filter)
    {
        var (cx, cy) = ((width - 1) / 2.0, (height - 1) / 2.0);
        var corners = sources.SelectMany(s => new[] { s.Map(-cx, -cy), s.Map(cx, -cy), s.Map(cx, cy), s.Map(-cx, cy) }).ToArray();
        return new(
            Beyond(-corners.Min(c => c.X), cx, width),
            Beyond(corners.Max(c => c.X), cx, width),
            Beyond(-corners.Min(c => c.Y), cy, height),
            Beyond(corners.Max(c => c.Y), cy, height)
        );

        // In float32 like the images' coordinates: a corner on the border must not ask for one pixel more.
        int Beyond(double reach, double center, int side) => (int)Math.Ceiling((float)Math.Clamp(reach + filter - center, 0, side - 1));
    }
}

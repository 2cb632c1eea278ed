namespace InvFusion.Models;

/// <summary>The cost of one evaluation, counted from the configuration.</summary>
/// <param name="MultiplyAdds">Multiply-adds of the matrix products for one image, attention included, H and H⁺ excluded.</param>
public sealed record NetworkCost(long MultiplyAdds)
{
    /// <summary>Counts an evaluation of one image.</summary>
    public static NetworkCost Of(NetworkConfiguration c)
    {
        long total = 0;
        for (var i = 0; i < c.Levels.Count; i++)
        {
            var level = c.Levels[i];
            var side = c.Resolution / c.PatchAt(i);
            var joint = c.Kind == NetworkKind.InvFusion && level.Joint;
            var layers = level.Depth * (i < c.Levels.Count - 1 ? 2 : 1);
            total += layers * (OfAttention(level, side, joint) + OfFeedForward(level, side));
            if (i > 0)
                total += 2L * side * side * 4 * c.Levels[i - 1].Width * level.Width; // merge and split
        }
        var first = (long)c.Resolution / c.Patch;
        var pixels = (long)c.Patch * c.Patch * c.Channels;
        total += first * first * c.Levels[0].Width * pixels * ((c.Kind == NetworkKind.Unconditional ? 1 : 2) + 1 + c.Directions);
        return new(total);
    }

    /// <summary>Multiply-adds of an attention block for one image of <paramref name="side"/>² tokens.</summary>
    internal static long OfAttention(LevelConfiguration level, int side, bool joint)
    {
        long tokens = (long)side * side,
            d = level.Width;
        var keys = (level.Kernel == 0 ? tokens : (long)level.Kernel * level.Kernel) * (joint ? 2 : 1);
        return tokens * (d * d * (joint ? 7 : 4) + 2 * keys * d); // q, k, v, out (+ joint keys and values)
    }

    /// <summary>Multiply-adds of a feed-forward block for one image of <paramref name="side"/>² tokens.</summary>
    internal static long OfFeedForward(LevelConfiguration level, int side) => 3L * side * side * level.Width * level.FeedForwardWidth; // up and down
}

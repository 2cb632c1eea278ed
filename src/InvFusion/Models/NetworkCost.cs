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
            long side = c.Resolution / c.PatchAt(i),
                tokens = side * side,
                d = level.Width,
                hidden = level.HiddenWidth > 0 ? level.HiddenWidth : 3 * d;
            var joint = c.Kind == NetworkKind.InvFusion && level.Joint;
            var keys = (level.Kernel == 0 ? tokens : (long)level.Kernel * level.Kernel) * (joint ? 2 : 1);
            var projections = d * d * (joint ? 7 : 4) + 3 * d * hidden; // q, k, v, out (+ joint keys and values), up and down
            var layers = level.Depth * (i < c.Levels.Count - 1 ? 2 : 1);
            total += layers * tokens * (projections + 2 * keys * d);
            if (i > 0)
                total += 2 * tokens * 4 * c.Levels[i - 1].Width * d; // merge and split
        }
        var first = (long)c.Resolution / c.Patch;
        var pixels = (long)c.Patch * c.Patch * c.Channels;
        total += first * first * c.Levels[0].Width * pixels * ((c.Kind == NetworkKind.Unconditional ? 1 : 2) + 1 + c.Directions);
        return new(total);
    }
}

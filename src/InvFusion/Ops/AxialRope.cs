using static TorchSharp.torch;

namespace InvFusion.Ops;

/// <summary>Rotary position embedding over two axes (HDiT): the first half of a head's channels turns with the row and column of its token.</summary>
public static class AxialRope
{
    /// <summary>Centres of an h×w grid over [-1, 1]², the shorter side shrunk by the aspect ratio, as (row, col): <c>[h, w, 2]</c>.</summary>
    public static Tensor Positions(int height, int width, Device? device = null)
    {
        using var scope = NewDisposeScope();
        double longest = Math.Max(height, width);
        var rows = Centers(height, height / longest, device);
        var cols = Centers(width, width / longest, device);
        var grid = meshgrid([rows, cols], indexing: "ij");
        return stack(grid, -1).MoveToOuterDisposeScope();
    }

    private static Tensor Centers(int count, double reach, Device? device)
    {
        var edges = linspace(-reach, reach, count + 1, dtype: ScalarType.Float32, device: device);
        return (edges.narrow(0, 0, count) + edges.narrow(0, 1, count)) / 2;
    }

    /// <summary>Positions of 2×2 merged tokens, the mean of the four: <c>[h, w, 2]</c> → <c>[h/2, w/2, 2]</c>.</summary>
    public static Tensor Downscale(Tensor positions)
    {
        using var scope = NewDisposeScope();
        var (h, w) = (positions.shape[0], positions.shape[1]);
        return positions.view(h / 2, 2, w / 2, 2, 2).mean([1, 3]).MoveToOuterDisposeScope();
    }

    /// <summary>Frequencies from π to 10π (without the last), filled head-fastest: <c>[heads, e/8]</c>.</summary>
    public static Tensor Frequencies(int heads, int headWidth)
    {
        using var scope = NewDisposeScope();
        var perHead = headWidth / 8;
        var all = linspace(Math.Log(Math.PI), Math.Log(10 * Math.PI), heads * perHead + 1, dtype: ScalarType.Float32).exp();
        return all.narrow(0, 0, heads * perHead).view(perHead, heads).transpose(0, 1).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>Angles θ = [row · f, col · f]: positions <c>[h, w, 2]</c> and frequencies <c>[n, e/8]</c> → <c>[h, w, n, e/4]</c>.</summary>
    public static Tensor Angles(Tensor positions, Tensor frequencies)
    {
        using var scope = NewDisposeScope();
        var rows = positions.select(-1, 0).unsqueeze(-1).unsqueeze(-1) * frequencies;
        var cols = positions.select(-1, 1).unsqueeze(-1).unsqueeze(-1) * frequencies;
        return cat([rows, cols], -1).MoveToOuterDisposeScope();
    }

    /// <summary>Cosines and sines of the angles for <see cref="Rotate"/>, <c>[n, L, e/2]</c> each, the sines with the sign of their pair.</summary>
    public static (Tensor Cos, Tensor Sin) Table(Tensor positions, Tensor frequencies, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var angles = Angles(positions, frequencies);
        angles = angles.flatten(0, 1).transpose(0, 1); // [h, w, n, e/4] → [n, L, e/4]
        Tensor cos = angles.cos(),
            sin = angles.sin();
        return (
            cat([cos, cos], -1).to_type(dtype).MoveToOuterDisposeScope(),
            cat([-sin, sin], -1).to_type(dtype).MoveToOuterDisposeScope()
        );
    }

    /// <summary>Rotates the first half of the channels of queries or keys <c>[B, n, L, e]</c>; channel j is paired with j + e/4.</summary>
    public static Tensor Rotate(Tensor x, (Tensor Cos, Tensor Sin) table)
    {
        using var scope = NewDisposeScope();
        var quarter = x.shape[^1] / 4;
        var turned = x.narrow(-1, 0, 2 * quarter);
        var swapped = cat([x.narrow(-1, quarter, quarter), x.narrow(-1, 0, quarter)], -1);
        return cat([turned * table.Cos + swapped * table.Sin, x.narrow(-1, 2 * quarter, 2 * quarter)], -1).MoveToOuterDisposeScope();
    }
}

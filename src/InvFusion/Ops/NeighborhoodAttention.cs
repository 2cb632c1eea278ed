using System.Collections.Concurrent;
using static TorchSharp.torch;

namespace InvFusion.Ops;

/// <summary>
/// Neighborhood attention (Hassani et al., CVPR 2023) with joint keys: every query attends to the k×k window centred on it, shifted inward at borders, so
/// that it always has exactly k² ordinary (and k² extra) keys. Queries are taken in square tiles; a tile's keys are the union of its windows, and a mask
/// keeps each query to its own.
/// </summary>
public static class NeighborhoodAttention
{
    private const int LargestTile = 8;
    private const int LargestWhole = 16;
    private static readonly ConcurrentDictionary<(int Height, int Width, int Kernel), TilePlan> Plans = new();

    /// <summary>Attention over windows.</summary>
    /// <param name="q"><c>[B, n, h·w, e]</c>, row-major tokens.</param>
    /// <param name="k">One or more groups of keys (ordinary, extra), each <c>[B, n, h·w, e]</c>.</param>
    /// <param name="v">Values of the same groups.</param>
    /// <param name="height">h, at least <paramref name="kernel"/>.</param>
    /// <param name="width">w, at least <paramref name="kernel"/>.</param>
    /// <param name="kernel">Odd window side.</param>
    /// <returns><c>[B, n, h·w, e]</c>.</returns>
    public static Tensor Apply(Tensor q, IReadOnlyList<Tensor> k, IReadOnlyList<Tensor> v, int height, int width, int kernel)
    {
        var plan = Plans.GetOrAdd((height, width, kernel), key => TilePlan.Create(key.Height, key.Width, key.Kernel));
        using var scope = NewDisposeScope();
        var keys = cat([.. k.Select(t => plan.GatherKeys(t))], 3);
        var values = cat([.. v.Select(t => plan.GatherKeys(t))], 3);
        var bias = plan.Bias(k.Count, q.shape[0], q.dtype, q.device);
        var tiles = GlobalAttention.Apply(plan.SplitQueries(q), keys.flatten(0, 1), values.flatten(0, 1), bias);
        return plan.JoinQueries(tiles, q.shape[0]).MoveToOuterDisposeScope();
    }

    private sealed record TilePlan(int Height, int Width, int TileHeight, int TileWidth, long[] KeyIndex, int KeysPerTile, float[] Mask)
    {
        private int Tiles => Height / TileHeight * (Width / TileWidth);
        private int QueriesPerTile => TileHeight * TileWidth;

        public static TilePlan Create(int height, int width, int kernel)
        {
            if (height < kernel || width < kernel || kernel % 2 == 0)
                throw new ConfigurationException(
                    $"neighborhood attention: a {kernel}×{kernel} window needs odd size and at least as many tokens, not {height}×{width}"
                );
            int th = TileSide(height),
                tw = TileSide(width);
            int wh = Math.Min(height, th + kernel - 1),
                ww = Math.Min(width, tw + kernel - 1);
            var index = new List<long>();
            var mask = new List<float>();
            for (var r0 = 0; r0 < height; r0 += th)
            for (var c0 = 0; c0 < width; c0 += tw)
            {
                int row = Math.Clamp(r0 - kernel / 2, 0, height - wh),
                    col = Math.Clamp(c0 - kernel / 2, 0, width - ww);
                for (var i = 0; i < wh * ww; i++)
                    index.Add((row + i / ww) * width + col + i % ww);
                for (var q = 0; q < th * tw; q++)
                {
                    int startRow = Math.Clamp(r0 + q / tw - kernel / 2, 0, height - kernel) - row,
                        startCol = Math.Clamp(c0 + q % tw - kernel / 2, 0, width - kernel) - col;
                    for (var i = 0; i < wh * ww; i++)
                        mask.Add(Inside(i / ww - startRow) && Inside(i % ww - startCol) ? 0 : float.NegativeInfinity);
                }
            }
            return new(height, width, th, tw, [.. index], wh * ww, [.. mask]);

            bool Inside(int offset) => offset >= 0 && offset < kernel;
        }

        private static int TileSide(int length) =>
            length <= LargestWhole ? length : Enumerable.Range(1, LargestTile).Last(side => length % side == 0);

        /// <summary><c>[B, n, h·w, e]</c> → <c>[B, T, n, keys, e]</c>, overlapping.</summary>
        public Tensor GatherKeys(Tensor x)
        {
            if (Tiles == 1)
                return x.unsqueeze(1);
            using var index = tensor(KeyIndex, device: x.device);
            using var picked = x.index_select(2, index);
            return picked.view(x.shape[0], x.shape[1], Tiles, KeysPerTile, x.shape[3]).transpose(1, 2);
        }

        /// <summary><c>[B, n, h·w, e]</c> → <c>[B·T, n, queries, e]</c>.</summary>
        public Tensor SplitQueries(Tensor q) =>
            q.view(q.shape[0], q.shape[1], Height / TileHeight, TileHeight, Width / TileWidth, TileWidth, q.shape[3])
                .permute(0, 2, 4, 1, 3, 5, 6) // → [B, th, tw, n, row, col, e]
                .reshape(q.shape[0] * Tiles, q.shape[1], QueriesPerTile, q.shape[3]);

        /// <summary>The inverse of <see cref="SplitQueries"/>.</summary>
        public Tensor JoinQueries(Tensor tiles, long batch) =>
            tiles
                .view(batch, Height / TileHeight, Width / TileWidth, tiles.shape[1], TileHeight, TileWidth, tiles.shape[3])
                .permute(0, 3, 1, 4, 2, 5, 6) // → [B, n, th, row, tw, col, e]
                .reshape(batch, tiles.shape[1], Height * Width, tiles.shape[3]);

        /// <summary>The mask as logits, <c>[B·T, 1, queries, groups·keys]</c>.</summary>
        public Tensor Bias(int groups, long batch, ScalarType dtype, Device device)
        {
            var mask = tensor(Mask, dtype, device).view(1, Tiles, QueriesPerTile, KeysPerTile);
            return mask.repeat(Tiles == 1 ? 1 : batch, 1, 1, groups).view(-1, 1, QueriesPerTile, groups * KeysPerTile);
        }
    }
}

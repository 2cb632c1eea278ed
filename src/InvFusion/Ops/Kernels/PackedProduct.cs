using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>Products of a few rows with packed weights, tile by tile; what becomes of a tile is its caller's.</summary>
internal static unsafe class PackedProduct
{
    private const int MostRows = 64;

    /// <summary>Room for the sums of a tile.</summary>
    public const int TileSums = Bfloat16Tile.MostRows * Bfloat16Tile.Columns;

    /// <summary>Rows that one thread takes at a time: weights are read anew for each lot, and every thread should get one.</summary>
    public static int Lot(int rows)
    {
        var each = (rows + get_num_threads() - 1) / get_num_threads();
        return Math.Clamp(
            (each + Bfloat16Tile.MostRows - 1) / Bfloat16Tile.MostRows * Bfloat16Tile.MostRows,
            Bfloat16Tile.MostRows,
            MostRows
        );
    }

    /// <summary>x Wᵀ.</summary>
    /// <typeparam name="TSink">Takes the tiles.</typeparam>
    /// <param name="x">Rows one behind the other.</param>
    /// <param name="rows">How many.</param>
    /// <param name="weights">W.</param>
    /// <param name="sums">Room for <see cref="TileSums"/>.</param>
    /// <param name="sink">Called for each tile.</param>
    public static void Run<TSink>(Bfloat16Lane* x, int rows, PackedWeights weights, float* sums, TSink sink)
        where TSink : struct, ITileSink
    {
        for (var panel = 0; panel < weights.Panels; panel++)
        for (var row = 0; row < rows; row += Bfloat16Tile.MostRows)
        {
            var count = Math.Min(Bfloat16Tile.MostRows, rows - row);
            Bfloat16Tile.Run(count, x + (long)row * weights.Inputs, weights.Inputs, weights.Panel(panel), weights.Pairs, sums);
            for (var i = 0; i < count; i++)
                sink.Take(
                    row + i,
                    panel,
                    Vector512.Load(sums + i * Bfloat16Tile.Columns),
                    Vector512.Load(sums + i * Bfloat16Tile.Columns + Lanes.Width)
                );
        }
    }

    /// <summary>Rows in bfloat16.</summary>
    /// <param name="to">The first row.</param>
    /// <param name="stride">From a row to the next.</param>
    public readonly struct Rounded(Bfloat16Lane* to, int stride) : ITileSink
    {
        /// <inheritdoc/>
        public void Take(int row, int panel, Vector512<float> first, Vector512<float> second)
        {
            var at = to + (long)row * stride + panel * Bfloat16Tile.Columns;
            Bfloat16Lane.Store(at, first);
            Bfloat16Lane.Store(at + Lanes.Width, second);
        }
    }

    /// <summary>Values times gelu of their gates, of weights that were packed so.</summary>
    /// <param name="to">The first row.</param>
    /// <param name="stride">From a row to the next.</param>
    public readonly struct Gated(Bfloat16Lane* to, int stride) : ITileSink
    {
        /// <inheritdoc/>
        public void Take(int row, int panel, Vector512<float> first, Vector512<float> second) =>
            Bfloat16Lane.Store(to + (long)row * stride + panel * Lanes.Width, first * Lanes.Gelu(second));
    }

    /// <summary>Rows of float32.</summary>
    /// <param name="to">The first row.</param>
    /// <param name="stride">From a row to the next.</param>
    public readonly struct Kept(float* to, int stride) : ITileSink
    {
        /// <inheritdoc/>
        public void Take(int row, int panel, Vector512<float> first, Vector512<float> second)
        {
            var at = to + (long)row * stride + panel * Bfloat16Tile.Columns;
            first.Store(at);
            second.Store(at + Lanes.Width);
        }
    }

    /// <summary>Added to rows of float32.</summary>
    /// <param name="x">The first row.</param>
    /// <param name="to">Receives the sums; it may be x.</param>
    /// <param name="stride">From a row to the next.</param>
    public readonly struct Added(float* x, float* to, int stride) : ITileSink
    {
        /// <inheritdoc/>
        public void Take(int row, int panel, Vector512<float> first, Vector512<float> second)
        {
            var at = (long)row * stride + panel * Bfloat16Tile.Columns;
            (Vector512.Load(x + at) + first).Store(to + at);
            (Vector512.Load(x + at + Lanes.Width) + second).Store(to + at + Lanes.Width);
        }
    }
}

/// <summary>What becomes of the sums of a product.</summary>
internal interface ITileSink
{
    /// <summary>Takes 32 sums of a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="panel">Its columns begin at 32·panel.</param>
    /// <param name="first">The first sixteen.</param>
    /// <param name="second">The others.</param>
    void Take(int row, int panel, Vector512<float> first, Vector512<float> second);
}

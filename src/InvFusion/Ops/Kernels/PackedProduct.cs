using System.Runtime.Intrinsics;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>Products of a few rows with packed weights, tile by tile; what becomes of a tile is its caller's.</summary>
internal static unsafe class PackedProduct
{
    private const int MostRows = 64;

    [ThreadStatic]
    private static Scratch? _scratch;

    /// <summary>Room for the sums of a tile.</summary>
    public const int TileSums = ProductTile.MostRows * ProductTile.Columns;

    /// <summary>Rows that one thread takes at a time: weights are read anew for each lot, and every thread should get one.</summary>
    public static int Lot(int rows)
    {
        var each = (rows + get_num_threads() - 1) / get_num_threads();
        return Math.Clamp((each + ProductTile.MostRows - 1) / ProductTile.MostRows * ProductTile.MostRows, ProductTile.MostRows, MostRows);
    }

    /// <summary>x Wᵀ for any number of rows, on all threads.</summary>
    /// <typeparam name="T">Type of the product.</typeparam>
    /// <typeparam name="TSource">Makes the rows.</typeparam>
    /// <typeparam name="TSink">Takes the sums.</typeparam>
    /// <param name="rows">Number of rows.</param>
    /// <param name="weights">W.</param>
    /// <param name="source">Asked for each row once.</param>
    /// <param name="sink">Given each row in pieces.</param>
    public static void For<T, TSource, TSink>(int rows, PackedWeights<T> weights, TSource source, TSink sink)
        where T : unmanaged, ILane<T>
        where TSource : unmanaged, IRowSource<T>
        where TSink : unmanaged, ITileSink
    {
        var lot = Lot(rows);
        CpuTeam.For((rows + lot - 1) / lot, 1, new Work<T, TSource, TSink>(rows, lot, weights, source, sink));
    }

    /// <summary>x Wᵀ for a few rows, on this thread.</summary>
    /// <typeparam name="T">Type of the product.</typeparam>
    /// <typeparam name="TSink">Takes the sums.</typeparam>
    /// <param name="x">Rows one behind the other.</param>
    /// <param name="first">Number of the first, for the sink.</param>
    /// <param name="count">How many.</param>
    /// <param name="weights">W.</param>
    /// <param name="sums">Room for <see cref="TileSums"/>.</param>
    /// <param name="sink">Given each row in pieces.</param>
    public static void Run<T, TSink>(T* x, int first, int count, PackedWeights<T> weights, float* sums, TSink sink)
        where T : unmanaged, ILane<T>
        where TSink : unmanaged, ITileSink
    {
        for (var panel = 0; panel < weights.Panels; panel++)
        for (var row = 0; row < count; row += ProductTile.MostRows)
        {
            var high = Math.Min(ProductTile.MostRows, count - row);
            ProductTile<T>.Run(high, x + (long)row * weights.Inputs, weights.Inputs, weights.Panel(panel), weights.Steps, sums);
            for (var i = 0; i < high; i++)
            {
                var of = sums + i * ProductTile.Columns;
                sink.Take(first + row + i, panel, Vector512.Load(of), Vector512.Load(of + Lanes.Width));
            }
        }
    }

    private readonly struct Work<T, TSource, TSink>(int rows, int lot, PackedWeights<T> weights, TSource source, TSink sink) : IRangeWork
        where T : unmanaged, ILane<T>
        where TSource : unmanaged, IRowSource<T>
        where TSink : unmanaged, ITileSink
    {
        public void Run(int start, int end)
        {
            var sums = Scratch.Floats(ref _scratch, TileSums + (long)lot * weights.Steps);
            var x = (T*)(sums + TileSums);
            for (var first = start * lot; first < Math.Min(rows, end * lot); first += lot)
            {
                var count = Math.Min(lot, rows - first);
                for (var i = 0; i < count; i++)
                    source.Write(first + i, x + (long)i * weights.Inputs);
                PackedProduct.Run(x, first, count, weights, sums, sink);
            }
        }
    }

    /// <summary>Rows in some type.</summary>
    /// <param name="to">The first row.</param>
    /// <param name="stride">From a row to the next.</param>
    public readonly struct Kept<T>(T* to, int stride) : ITileSink
        where T : unmanaged, ILane<T>
    {
        /// <inheritdoc/>
        public void Take(int row, int panel, Vector512<float> first, Vector512<float> second)
        {
            var at = to + (long)row * stride + panel * ProductTile.Columns;
            T.Store(at, first);
            T.Store(at + Lanes.Width, second);
        }
    }

    /// <summary>Values times gelu of their gates, of weights that were packed so.</summary>
    /// <param name="to">The first row.</param>
    /// <param name="stride">From a row to the next.</param>
    public readonly struct Gated<T>(T* to, int stride) : ITileSink
        where T : unmanaged, ILane<T>
    {
        /// <inheritdoc/>
        public void Take(int row, int panel, Vector512<float> first, Vector512<float> second) =>
            T.Store(to + (long)row * stride + panel * Lanes.Width, first * Lanes.Gelu(second));
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
            var at = (long)row * stride + panel * ProductTile.Columns;
            (Vector512.Load(x + at) + first).Store(to + at);
            (Vector512.Load(x + at + Lanes.Width) + second).Store(to + at + Lanes.Width);
        }
    }
}

/// <summary>Where the rows of a product come from.</summary>
/// <typeparam name="T">Type of the product.</typeparam>
internal unsafe interface IRowSource<T>
    where T : unmanaged
{
    /// <summary>Writes a row.</summary>
    void Write(int row, T* to);
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

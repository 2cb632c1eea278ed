using System.Runtime.Intrinsics;
using InvFusion.Runtime;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// Cosine normalisation, rotary embedding and softmax attention, global or over windows, from projections to the input of the out-projection in one pass; sums are
/// float32 throughout. The plain form is <see cref="CosineSimilarity"/>, <see cref="AxialRope"/> and then <see cref="GlobalAttention"/> or
/// <see cref="NeighborhoodAttention"/>.
/// </summary>
internal static unsafe class AttentionKernel
{
    [ThreadStatic]
    private static NativeBuffer? _scratch;

    /// <summary>Whether the kernel has room for a shape.</summary>
    public static bool Takes(AttentionShape shape) =>
        shape.HeadWidth is >= 8 and <= 480 && shape.HeadWidth % 8 == 0 && shape.Kernel <= AttentionWindow.LargestKernel;

    /// <summary>Runs over all samples and heads.</summary>
    /// <typeparam name="T">How projections and output lie in memory.</typeparam>
    /// <param name="shape">Sizes.</param>
    /// <param name="queries">Queries.</param>
    /// <param name="ordinary">Keys and values of the tokens themselves.</param>
    /// <param name="extra">Those of the degraded features; without keys there are none.</param>
    /// <param name="rope">Rotations.</param>
    /// <param name="scale">s per head.</param>
    /// <param name="output"><c>[B, L, n·e]</c>.</param>
    public static void Run<T>(
        AttentionShape shape,
        ProjectedTokens queries,
        KeyGroup ordinary,
        KeyGroup extra,
        RopeTable rope,
        float* scale,
        T* output
    )
        where T : unmanaged, ILane<T> =>
        CpuTeam.For(
            shape.Batch * shape.Heads,
            1,
            new Work<T>(shape, queries, ordinary, extra, rope.Cos(0, 0), rope.SinOffset, rope.Stride, scale, output)
        );

    private readonly struct Work<T>(
        AttentionShape shape,
        ProjectedTokens queries,
        KeyGroup ordinary,
        KeyGroup extra,
        float* cos,
        long sinOffset,
        int ropeStride,
        float* scale,
        T* output
    ) : IRangeWork
        where T : unmanaged, ILane<T>
    {
        public void Run(int start, int end)
        {
            for (var item = start; item < end; item++)
                Head(item / shape.Heads, item % shape.Heads);
        }

        private void Head(int sample, int head)
        {
            var groups = extra.Key.Given ? 2 : 1;
            var window = new AttentionWindow(shape);
            int padded = shape.Padded,
                keyCount = padded * shape.KeyStride,
                valueCount = shape.Length * padded,
                scoreStride = groups * window.Rows * window.Vectors * Lanes.Width,
                tile = AttentionTile.Queries;
            var scratch = (_scratch ??= new()).Floats((long)groups * (keyCount + valueCount) + tile * (scoreStride + 2 * padded));
            float* keys = scratch,
                values = keys + (long)groups * keyCount,
                scores = values + (long)groups * valueCount,
                turned = scores + tile * scoreStride,
                sums = turned + tile * padded;
            var root = MathF.Sqrt(MathF.Max(scale[head], (float)CosineSimilarity.SmallestScale));
            var rows = new AttentionRows(shape, cos + (long)head * shape.Length * ropeStride, sinOffset, ropeStride, root);
            for (var g = 0; g < groups; g++)
            {
                var group = g == 0 ? ordinary : extra;
                rows.Keys<T>(group, sample, head, keys + (long)g * keyCount);
                if (group.Value.Given)
                    rows.Values<T>(group, sample, head, values + (long)g * valueCount);
            }
            var weights = stackalloc float[AttentionTile.Queries];
            var lineLength = shape.Kernel == 0 ? shape.Length : shape.Width; // no tile crosses a line
            for (var line = 0; line < shape.Length; line += lineLength)
            for (var column = 0; column < lineLength; column += window.TileWidth)
            {
                var first = line + column;
                var count = Math.Min(window.TileWidth, lineLength - column);
                window.MoveTo(first, count);
                TurnQueries(rows, sample, head, first, count, turned);
                for (var g = 0; g < groups; g++)
                for (var row = 0; row < window.Rows; row++)
                {
                    var to = scores + (g * window.Rows + row) * window.Vectors * Lanes.Width;
                    var from = keys + (long)g * keyCount + window.Start(row);
                    for (var v = 0; v < window.Vectors; v += 2)
                        AttentionTile.Scores(
                            turned,
                            from + v * Lanes.Width,
                            shape.KeyStride,
                            shape.HeadWidth,
                            to + v * Lanes.Width,
                            scoreStride,
                            v + 1 < window.Vectors
                        );
                    window.Mask(to, scoreStride);
                }
                new Span<float>(sums, tile * padded).Clear();
                for (var q = 0; q < count; q++)
                    weights[q] = 1 / AttentionTile.Exponentials(scores + q * scoreStride, scoreStride).Sum;
                for (var g = 0; g < groups; g++)
                    if ((g == 0 ? ordinary : extra).Value.Given)
                        for (var row = 0; row < window.Rows; row++)
                            AttentionTile.Accumulate(
                                scores + (g * window.Rows + row) * window.Vectors * Lanes.Width,
                                scoreStride,
                                values + (long)g * valueCount + (long)window.Start(row) * padded,
                                window.Columns,
                                padded,
                                sums
                            );
                for (var q = 0; q < count; q++)
                {
                    var to = output + ((long)sample * shape.Length + first + q) * shape.Heads * shape.HeadWidth + head * shape.HeadWidth;
                    var by = Vector512.Create(weights[q]);
                    for (var i = 0; i < shape.HeadWidth; i += Lanes.Width)
                        Lanes.StorePart(to + i, shape.HeadWidth - i, Vector512.Load(sums + q * padded + i) * by);
                }
            }
        }

        // Eight queries channel by channel, [e, 8]; missing ones are zero.
        private void TurnQueries(AttentionRows rows, int sample, int head, int first, int count, float* to)
        {
            var row = stackalloc float[512];
            for (var q = 0; q < AttentionTile.Queries; q++)
            {
                if (q < count)
                    rows.Turn(queries.At<T>((long)sample * shape.Length + first + q, head, shape.HeadWidth), null, first + q, row);
                else
                    new Span<float>(row, shape.HeadWidth).Clear();
                for (var c = 0; c < shape.HeadWidth; c++)
                    to[c * AttentionTile.Queries + q] = row[c];
            }
        }
    }
}

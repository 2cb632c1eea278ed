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
    private static Scratch? _scratch;

    /// <summary>Whether the kernel has room for a shape, and the shape for its windows.</summary>
    public static bool Takes(AttentionShape shape) =>
        shape.HeadWidth is >= 8 and <= 480
        && shape.HeadWidth % 8 == 0
        && (shape.Kernel == 0 || shape.Kernel % 2 == 1)
        && shape.Kernel <= Math.Min(AttentionWindow.LargestKernel, Math.Min(shape.Height, shape.Width));

    /// <summary>Runs over all samples and heads.</summary>
    /// <typeparam name="T">How projections and output lie in memory.</typeparam>
    /// <param name="turns">Normalisation and rotation.</param>
    /// <param name="projections">Queries, keys and values.</param>
    /// <param name="output"><c>[B, L, n·e]</c>.</param>
    public static void Run<T>(HeadTurns turns, HeadProjections projections, T* output)
        where T : unmanaged, ILane<T> => CpuTeam.For(turns.Shape.Batch * turns.Shape.Heads, 1, new Work<T>(turns, projections, output));

    private readonly struct Work<T>(HeadTurns turns, HeadProjections projections, T* output) : IRangeWork
        where T : unmanaged, ILane<T>
    {
        public void Run(int start, int end)
        {
            for (var item = start; item < end; item++)
            {
                var (sample, head, rows) = turns.Of(item);
                Head(sample, head, rows);
            }
        }

        private void Head(int sample, int head, AttentionRows rows)
        {
            var shape = turns.Shape;
            var groups = projections.Groups;
            var window = new AttentionWindow(shape);
            int padded = shape.Padded,
                lineScores = window.Vectors * Lanes.Width,
                vectors = groups * window.Lines * window.Vectors,
                scoreStride = (vectors + vectors % 2) * Lanes.Width,
                groupScores = window.Lines * lineScores,
                tile = AttentionTile.Queries;
            long keyCount = shape.KeyCount,
                valueCount = (long)shape.Length * padded;
            var scratch = Scratch.Floats(ref _scratch, groups * (keyCount + valueCount) + tile * (scoreStride + 3 * padded) + Lanes.Width);
            float* keys = scratch,
                values = keys + groups * keyCount,
                scores = values + groups * valueCount,
                turned = scores + tile * scoreStride,
                sums = turned + tile * padded,
                queryRows = sums + tile * padded;
            for (var g = 0; g < groups; g++)
            {
                var group = projections.Group(g);
                rows.Keys<T>(group, sample, head, keys + g * keyCount);
                if (group.Value.Given)
                    rows.Values<T>(group, sample, head, values + g * valueCount);
            }
            var lineLength = shape.Kernel == 0 ? shape.Length : shape.Width; // no tile crosses a line
            for (var line = 0; line < shape.Length; line += lineLength)
            for (var column = 0; column < lineLength; column += window.TileWidth)
            {
                var first = line + column;
                var count = Math.Min(window.TileWidth, lineLength - column);
                window.MoveTo(first, count);
                rows.Queries<T>(projections.Queries, sample, head, first, count, queryRows);
                rows.Columns(queryRows, turned);
                window.Scores(turned, keys, vectors, scores, scoreStride);
                new Span<float>(sums, tile * padded).Clear();
                for (var q = 0; q < count; q++)
                {
                    for (var i = 0; i < groups * window.Lines; i++)
                        window.Mask(scores + q * scoreStride + i * lineScores, q, i % window.Lines);
                    turned[q] = 1 / AttentionTile.Exponentials(scores + q * scoreStride, vectors * Lanes.Width); // the queries are not needed any more
                }
                for (var half = 0; half * AttentionTile.Half < count; half++)
                {
                    var seen = window.Seen(half);
                    for (var g = 0; g < groups; g++)
                        if (projections.Group(g).Value.Given)
                            AttentionTile.Accumulate(
                                scores + half * AttentionTile.Half * scoreStride + g * groupScores + seen.First,
                                scoreStride,
                                values + g * valueCount + (long)seen.Token * padded,
                                seen,
                                padded,
                                sums + half * AttentionTile.Half * padded
                            );
                }
                for (var q = 0; q < count; q++)
                {
                    var to = output + ((long)sample * shape.Length + first + q) * shape.Heads * shape.HeadWidth + head * shape.HeadWidth;
                    var by = Vector512.Create(turned[q]);
                    var i = 0;
                    for (; i + Lanes.Width <= shape.HeadWidth; i += Lanes.Width)
                        T.Store(to + i, Vector512.Load(sums + q * padded + i) * by);
                    if (i < shape.HeadWidth)
                        Lanes.StoreFew(to + i, shape.HeadWidth - i, Vector512.Load(sums + q * padded + i) * by);
                }
            }
        }
    }
}

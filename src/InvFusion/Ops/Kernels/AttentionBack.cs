using InvFusion.Runtime;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// The way back through <see cref="AttentionKernel"/>: weights are computed again, tile by tile, so that nothing but the projections is kept. A sample's head owns the
/// gradients of all its keys and values, and no two items write to the same place.
/// </summary>
internal static unsafe class AttentionBack
{
    [ThreadStatic]
    private static Scratch? _scratch;

    /// <summary>Runs over all samples and heads.</summary>
    /// <typeparam name="T">How projections and gradients lie in memory.</typeparam>
    /// <param name="turns">Normalisation and rotation.</param>
    /// <param name="from">Queries, keys and values.</param>
    /// <param name="given">Gradient of the output, <c>[B, L, n·e]</c>.</param>
    /// <param name="to">Receives the gradients of queries, keys and values.</param>
    /// <param name="toScale">Receives what each item adds to the gradient of its head's scale, <c>[B, n]</c>.</param>
    public static void Run<T>(HeadTurns turns, HeadProjections from, ProjectedTokens given, HeadProjections to, float* toScale)
        where T : unmanaged, ILane<T> =>
        CpuTeam.For(turns.Shape.Batch * turns.Shape.Heads, 1, new Work<T>(turns, from, given, to, toScale));

    private readonly struct Work<T>(HeadTurns turns, HeadProjections from, ProjectedTokens given, HeadProjections to, float* toScale)
        : IRangeWork
        where T : unmanaged, ILane<T>
    {
        public void Run(int start, int end)
        {
            for (var item = start; item < end; item++)
            {
                var (sample, head, rows) = turns.Of(item);
                var memory = new Memory(turns.Shape, from.Groups);
                Pack(memory, sample, head, rows);
                Tiles(memory, sample, head, rows);
                var padded = turns.Shape.Padded;
                var sum = rows.TurnedBack<T, Float32Lane>(
                    from.Queries,
                    default,
                    sample,
                    head,
                    (Float32Lane*)memory.ToQueries,
                    padded,
                    to.Queries,
                    default
                );
                for (var g = 0; g < from.Groups; g++)
                    sum += rows.GroupBack<T, Float32Lane>(
                        from.Group(g),
                        to.Group(g),
                        sample,
                        head,
                        (Float32Lane*)(memory.ToKeys + g * memory.RowCount),
                        (Float32Lane*)(memory.ToValues + g * memory.RowCount),
                        padded
                    );
                toScale[item] = turns.ScaleBack(head, sum);
            }
        }

        private void Pack(in Memory memory, int sample, int head, AttentionRows rows)
        {
            int own = turns.Shape.Length * turns.Shape.Padded,
                behind = (int)memory.RowCount - own;
            for (var g = 0; g < from.Groups; g++)
            {
                var keys = memory.Keys + g * memory.RowCount;
                rows.KeyRows<T>(from.Group(g), sample, head, keys);
                new Span<float>(keys + own, behind).Clear();
                rows.Lines(keys, memory.KeyLines + g * turns.Shape.KeyCount);
                if (!from.Group(g).Value.Given)
                    continue;
                var values = memory.ToQueries; // needed for a moment only
                rows.Values<T>(from.Group(g), sample, head, values);
                new Span<float>(values + own, behind).Clear();
                rows.Lines(values, memory.ValueLines + g * turns.Shape.KeyCount);
            }
            new Span<float>(memory.ToQueries, (int)memory.RowCount).Clear();
            new Span<float>(memory.ToKeys, (int)memory.RowCount * from.Groups).Clear();
            new Span<float>(memory.ToValues, (int)memory.RowCount * from.Groups).Clear();
        }

        private void Tiles(in Memory memory, int sample, int head, AttentionRows rows)
        {
            var shape = turns.Shape;
            var window = new AttentionWindow(shape);
            int groupScores = window.Lines * window.Vectors * Lanes.Width,
                vectors = from.Groups * window.Lines * window.Vectors,
                withValues = from.Group(from.Groups - 1).Value.Given ? vectors : vectors / from.Groups,
                stride = memory.ScoreStride,
                lineLength = shape.Kernel == 0 ? shape.Length : shape.Width; // no tile crosses a line
            for (var line = 0; line < shape.Length; line += lineLength)
            for (var column = 0; column < lineLength; column += window.TileWidth)
            {
                var first = line + column;
                var count = Math.Min(window.TileWidth, lineLength - column);
                window.MoveTo(first, count);
                rows.Queries<T>(from.Queries, sample, head, first, count, memory.Queries);
                rows.Columns(memory.Queries, memory.Turned);
                window.Scores(memory.Turned, memory.KeyLines, vectors, memory.Scores, stride);
                rows.Given<T>(given, sample, head, first, count, memory.Given);
                rows.Columns(memory.Given, memory.Turned);
                window.Scores(memory.Turned, memory.ValueLines, withValues, memory.Slopes, stride);
                if (withValues < vectors)
                    for (var q = 0; q < AttentionTile.Queries; q++)
                        new Span<float>(
                            memory.Slopes + q * stride + withValues * Lanes.Width,
                            (vectors - withValues) * Lanes.Width
                        ).Clear();
                for (var q = 0; q < count; q++)
                {
                    float* scores = memory.Scores + q * stride,
                        slopes = memory.Slopes + q * stride;
                    for (var i = 0; i < from.Groups * window.Lines; i++)
                        window.Mask(scores + i * window.Vectors * Lanes.Width, q, i % window.Lines);
                    AttentionTile.SoftmaxBack(scores, slopes, vectors * Lanes.Width);
                }
                for (var half = 0; half * AttentionTile.Half < count; half++)
                    Products(memory, window.Seen(half), first, half * AttentionTile.Half, groupScores);
            }
        }

        // Of four queries, the first of which is query q of the tile: dQ += dS K, dK += dSᵀ Q, dV += Pᵀ dO.
        private void Products(in Memory memory, in SeenKeys seen, int first, int q, int groupScores)
        {
            var (padded, stride) = (turns.Shape.Padded, memory.ScoreStride);
            for (var g = 0; g < from.Groups; g++)
            {
                var score = (long)q * stride + g * groupScores + seen.First;
                var key = g * memory.RowCount + (long)seen.Token * padded;
                var slopes = memory.Slopes + score;
                AttentionTile.Accumulate(slopes, stride, memory.Keys + key, seen, padded, memory.ToQueries + (long)(first + q) * padded);
                AttentionTile.Spread(slopes, stride, memory.Queries + q * padded, seen, padded, memory.ToKeys + key);
                if (from.Group(g).Value.Given)
                    AttentionTile.Spread(memory.Scores + score, stride, memory.Given + q * padded, seen, padded, memory.ToValues + key);
            }
        }
    }

    // What a thread works in: all rows of a head, and one tile.
    private readonly struct Memory
    {
        public Memory(AttentionShape shape, int groups)
        {
            var window = new AttentionWindow(shape);
            int vectors = groups * window.Lines * window.Vectors,
                tile = AttentionTile.Queries * shape.Padded;
            ScoreStride = (vectors + vectors % 2) * Lanes.Width;
            RowCount = (long)(shape.Length + Lanes.Width) * shape.Padded;
            int scores = AttentionTile.Queries * ScoreStride,
                keyLines = groups * shape.KeyCount;
            var rows = groups * RowCount;
            KeyLines = Scratch.Floats(ref _scratch, 2L * keyLines + 3 * rows + RowCount + 2L * scores + 3L * (tile + Lanes.Width));
            ValueLines = KeyLines + keyLines;
            Keys = ValueLines + keyLines;
            ToKeys = Keys + rows;
            ToValues = ToKeys + rows;
            ToQueries = ToValues + rows;
            Scores = ToQueries + RowCount;
            Slopes = Scores + scores;
            Queries = Slopes + scores;
            Given = Queries + tile + Lanes.Width;
            Turned = Given + tile + Lanes.Width;
        }

        /// <summary>Numbers of a group's rows, <c>[L + 16, padded e]</c>: the last ones are room for tiles that reach over the end.</summary>
        public readonly long RowCount;

        /// <summary>From the scores of a query to the next one's.</summary>
        public readonly int ScoreStride;

        /// <summary>Keys and values channel by channel.</summary>
        public readonly float* KeyLines,
            ValueLines;

        /// <summary>Rows of keys, and gradients.</summary>
        public readonly float* Keys,
            ToKeys,
            ToValues,
            ToQueries;

        /// <summary>Logits, then weights, and their gradients: <c>[8, <see cref="ScoreStride"/>]</c>.</summary>
        public readonly float* Scores,
            Slopes;

        /// <summary>Queries and gradients of the output, <c>[8, padded e]</c>, and either of them channel by channel.</summary>
        public readonly float* Queries,
            Given,
            Turned;
    }
}

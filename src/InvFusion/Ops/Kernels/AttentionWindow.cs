using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace InvFusion.Ops.Kernels;

/// <summary>The keys of one group that four queries of a tile see, in lines of the same number.</summary>
/// <param name="First">Of the scores of the group, the first.</param>
/// <param name="Token">The token of that key.</param>
/// <param name="Lines">Lines.</param>
/// <param name="Count">Keys of a line.</param>
/// <param name="ScoresBetween">Scores behind a line that are passed over.</param>
/// <param name="TokensBetween">Tokens behind a line that are passed over.</param>
internal readonly record struct SeenKeys(int First, int Token, int Lines, int Count, int ScoresBetween, int TokensBetween);

/// <summary>
/// Which keys a tile of queries sees: in global attention every line of keys, in neighborhood attention of each line of the window the columns that any query of the
/// tile sees; what a single query does not see is masked.
/// </summary>
internal unsafe struct AttentionWindow
{
    private const int MostVectors = 8;
    private readonly AttentionShape _shape;
    private readonly int _columns;
    private int _firstLine;
    private int _firstColumn;
    private int _column;
    private int _queries;
    private fixed float _mask[AttentionTile.Queries * MostVectors * Lanes.Width];

    /// <summary>Windows for a shape, before <see cref="MoveTo"/>.</summary>
    [SkipLocalsInit]
    public AttentionWindow(AttentionShape shape)
    {
        _shape = shape;
        TileWidth = shape.Kernel == 0 ? AttentionTile.Queries : Math.Min(AttentionTile.Queries, shape.Width);
        Lines = shape.Kernel == 0 ? shape.Lines : shape.Kernel;
        _columns = shape.Kernel == 0 ? shape.LineLength : Math.Min(shape.Width, TileWidth + shape.Kernel - 1);
        Vectors = (_columns + Lanes.Width - 1) / Lanes.Width;
    }

    /// <summary>The widest window that the masks have room for.</summary>
    public const int LargestKernel = MostVectors * Lanes.Width - AttentionTile.Queries + 1;

    /// <summary>Queries of a tile, side by side in a row of the grid (in global attention one behind the other).</summary>
    public int TileWidth { get; }

    /// <summary>Lines of keys.</summary>
    public int Lines { get; }

    /// <summary>Vectors of a line; the last may reach behind what is seen of it.</summary>
    public int Vectors { get; }

    /// <summary>Moves to the tile that begins with the given token.</summary>
    /// <param name="token">The first query.</param>
    /// <param name="queries">Queries of the tile; those behind see what the last one sees.</param>
    public void MoveTo(int token, int queries)
    {
        _queries = queries;
        if (_shape.Kernel == 0)
            return;
        int k = _shape.Kernel,
            width = Vectors * Lanes.Width,
            column = token % _shape.Width;
        _firstLine = Math.Clamp(token / _shape.Width - k / 2, 0, _shape.Height - k);
        _firstColumn = Math.Clamp(column - k / 2, 0, _shape.Width - _columns);
        fixed (float* mask = _mask)
            for (var q = 0; q < AttentionTile.Queries; q++)
            {
                new Span<float>(mask + q * width, width).Fill(float.NegativeInfinity);
                new Span<float>(mask + q * width + FirstOf(column, q), k).Clear();
            }
        _column = column;
    }

    // The first column that a query sees, counted from the first of the tile.
    private readonly int FirstOf(int column, int query) =>
        Math.Clamp(column + Math.Min(query, _queries - 1) - _shape.Kernel / 2, 0, _shape.Width - _shape.Kernel) - _firstColumn;

    /// <summary>The keys of a group that the first or second four queries see.</summary>
    public readonly SeenKeys Seen(int half)
    {
        if (_shape.Kernel == 0)
            return new(0, 0, 1, _shape.Length, 0, 0);
        int first = FirstOf(_column, half * AttentionTile.Half),
            count = FirstOf(_column, (half + 1) * AttentionTile.Half - 1) + _shape.Kernel - first;
        return new(first, Token(0) + first, _shape.Kernel, count, Vectors * Lanes.Width - count, _shape.Width - count);
    }

    /// <summary>Products of the tile's eight rows with the keys of its lines, group by group and line by line.</summary>
    /// <param name="rows">Channel by channel, <c>[e, 8]</c>.</param>
    /// <param name="keys">All lines of all groups, as <see cref="AttentionRows.Keys"/> makes them.</param>
    /// <param name="vectors">How many vectors of a row to compute.</param>
    /// <param name="scores">Receives <c>[8, stride]</c>; an even number of vectors of each row is written.</param>
    /// <param name="stride">From a row to the next.</param>
    public readonly void Scores(float* rows, float* keys, int vectors, float* scores, int stride)
    {
        for (var v = 0; v < vectors; v += 2)
            AttentionTile.Scores(
                rows,
                Keys(keys, v),
                Keys(keys, Math.Min(v + 1, vectors - 1)),
                _shape.LineStride,
                _shape.HeadWidth,
                scores + v * Lanes.Width,
                stride
            );
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly float* Keys(float* keys, int vector)
    {
        var (line, v) = (vector / Vectors, vector % Vectors);
        var (group, own) = (line / Lines, _firstLine + line % Lines);
        return keys + group * (long)_shape.KeyCount + (long)own * _shape.Padded * _shape.LineStride + _firstColumn + v * Lanes.Width;
    }

    // The token of the first key of a line.
    private readonly int Token(int line) => (_firstLine + line) * _shape.LineLength + _firstColumn;

    // Keys of a line that some query sees.
    private readonly int Columns(int line) => Math.Min(_columns, _shape.Length - Token(line));

    /// <summary>Masks the scores of one query for one line.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Mask(float* scores, int query, int line)
    {
        var width = Vectors * Lanes.Width;
        if (_shape.Kernel == 0)
        {
            if (Columns(line) < width)
                new Span<float>(scores + Columns(line), width - Columns(line)).Fill(float.NegativeInfinity);
            return;
        }
        fixed (float* mask = _mask)
            for (var i = 0; i < width; i += Lanes.Width)
            {
                // Replaced rather than added: a key that is not seen may not be a number.
                var seen = Vector512.Equals(Vector512.Load(mask + query * width + i), Vector512<float>.Zero);
                Vector512.ConditionalSelect(seen, Vector512.Load(scores + i), Vector512.Create(float.NegativeInfinity)).Store(scores + i);
            }
    }
}

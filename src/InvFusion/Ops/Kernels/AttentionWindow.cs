using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace InvFusion.Ops.Kernels;

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
                var from = Math.Clamp(column + Math.Min(q, queries - 1) - k / 2, 0, _shape.Width - k) - _firstColumn;
                new Span<float>(mask + q * width, width).Fill(float.NegativeInfinity);
                new Span<float>(mask + q * width + from, k).Clear();
            }
    }

    /// <summary>Where the first key of a line lies behind the first of all.</summary>
    public readonly long KeyOffset(int line) => (long)(_firstLine + line) * _shape.Padded * _shape.LineStride + _firstColumn;

    /// <summary>The token of the first key of a line.</summary>
    public readonly int Token(int line) => (_firstLine + line) * _shape.LineLength + _firstColumn;

    /// <summary>Keys of a line that some query sees.</summary>
    public readonly int Columns(int line) => Math.Min(_columns, _shape.Length - Token(line));

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

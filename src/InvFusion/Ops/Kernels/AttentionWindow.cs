using System.Runtime.Intrinsics;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// Which keys a tile of queries sees. Keys come as rows of whole vectors: in global attention one row with all of them, in neighborhood attention for each row of the
/// window the columns that any query of the tile sees; what a single query does not see is masked.
/// </summary>
internal unsafe struct AttentionWindow
{
    private const int MostVectors = 8;
    private readonly AttentionShape _shape;
    private int _firstRow;
    private int _firstColumn;
    private fixed float _mask[AttentionTile.Queries * MostVectors * Lanes.Width];

    /// <summary>Windows for a shape, before <see cref="MoveTo"/>.</summary>
    public AttentionWindow(AttentionShape shape)
    {
        _shape = shape;
        TileWidth = shape.Kernel == 0 ? AttentionTile.Queries : Math.Min(AttentionTile.Queries, shape.Width);
        Rows = shape.Kernel == 0 ? 1 : shape.Kernel;
        var columns = shape.Kernel == 0 ? shape.Length : Math.Min(shape.Width, TileWidth + shape.Kernel - 1);
        Columns = columns;
        Vectors = (columns + Lanes.Width - 1) / Lanes.Width;
    }

    /// <summary>The widest window that the masks have room for.</summary>
    public const int LargestKernel = MostVectors * Lanes.Width - AttentionTile.Queries + 1;

    /// <summary>Queries of a tile, side by side in a row of the grid (in global attention one behind the other).</summary>
    public int TileWidth { get; }

    /// <summary>Rows of keys.</summary>
    public int Rows { get; }

    /// <summary>Keys of a row that some query sees.</summary>
    public int Columns { get; }

    /// <summary>Vectors of a row; the last may reach behind its end.</summary>
    public int Vectors { get; }

    /// <summary>Moves to the tile that begins with the given token.</summary>
    /// <param name="token">The first query.</param>
    /// <param name="queries">Queries of the tile; those behind see what the last one sees.</param>
    public void MoveTo(int token, int queries)
    {
        int k = _shape.Kernel,
            width = Vectors * Lanes.Width;
        int row = k == 0 ? 0 : token / _shape.Width,
            column = k == 0 ? 0 : token % _shape.Width;
        _firstRow = k == 0 ? 0 : Math.Clamp(row - k / 2, 0, _shape.Height - k);
        _firstColumn = k == 0 ? 0 : Math.Clamp(column - k / 2, 0, _shape.Width - Columns);
        if (k == 0)
            return;
        fixed (float* mask = _mask)
            for (var q = 0; q < AttentionTile.Queries; q++)
            {
                var from = Math.Clamp(column + Math.Min(q, queries - 1) - k / 2, 0, _shape.Width - k) - _firstColumn;
                for (var i = 0; i < width; i++)
                    mask[q * width + i] = i >= from && i < from + k ? 0 : float.NegativeInfinity;
            }
    }

    /// <summary>The token of the first key of a row.</summary>
    public readonly int Start(int row) => _shape.Kernel == 0 ? 0 : (_firstRow + row) * _shape.Width + _firstColumn;

    /// <summary>Masks a row of scores <c>[8, Vectors · 16]</c> with the given stride.</summary>
    public void Mask(float* scores, int stride)
    {
        var width = Vectors * Lanes.Width;
        if (_shape.Kernel == 0)
        {
            for (var q = 0; q < AttentionTile.Queries && Columns < width; q++)
                new Span<float>(scores + q * stride + Columns, width - Columns).Fill(float.NegativeInfinity);
            return;
        }
        fixed (float* mask = _mask)
            for (var q = 0; q < AttentionTile.Queries; q++)
            for (var i = 0; i < width; i += Lanes.Width)
            {
                // Replaced rather than added: a key that is not seen may not be a number.
                var seen = Vector512.Equals(Vector512.Load(mask + q * width + i), Vector512<float>.Zero);
                var to = scores + q * stride + i;
                Vector512.ConditionalSelect(seen, Vector512.Load(to), Vector512.Create(float.NegativeInfinity)).Store(to);
            }
    }
}

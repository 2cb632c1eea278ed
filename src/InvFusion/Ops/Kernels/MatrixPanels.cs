namespace InvFusion.Ops.Kernels;

/// <summary>
/// The matrices of a batch, in the order in which <see cref="ProductTile{T}"/> reads them: as the right factor of x Hᵀ and as that of v H. What belongs to one line
/// of the image lies together, lines from top to bottom and in them the channels; measurements are rounded up to whole panels.
/// </summary>
/// <typeparam name="T">Type of the products.</typeparam>
/// <param name="down">For x Hᵀ: <c>[B, H, O/32, C·W/depth, 32, depth]</c>.</param>
/// <param name="up">For v H: <c>[B, H, C·W/32, O/depth, 32, depth]</c>.</param>
/// <param name="height">H.</param>
/// <param name="lineLength">C·W, a multiple of 32.</param>
/// <param name="measurements">O, a multiple of 32.</param>
internal readonly unsafe struct MatrixPanels<T>(T* down, T* up, int height, int lineLength, int measurements)
    where T : unmanaged, ILane<T>
{
    /// <summary>Lines of an image.</summary>
    public int Height => height;

    /// <summary>Numbers of a line, all channels.</summary>
    public int LineLength => lineLength;

    /// <summary>O, with the zeros that fill up the last panel.</summary>
    public int Measurements => measurements;

    /// <summary>What the numbers of a line give to measurements 32·panel and following: <c>[C·W/depth, 32, depth]</c>.</summary>
    public T* Down(int matrix, int line, int panel) => down + Line(matrix, line) + panel * lineLength * ProductTile.Columns;

    /// <summary>What all measurements give to numbers 32·panel and following of a line: <c>[O/depth, 32, depth]</c>.</summary>
    public T* Up(int matrix, int line, int panel) => up + Line(matrix, line) + panel * measurements * ProductTile.Columns;

    private long Line(int matrix, int line) => ((long)matrix * height + line) * lineLength * measurements;
}

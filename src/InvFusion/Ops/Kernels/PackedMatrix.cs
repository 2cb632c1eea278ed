using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>Packs the matrices of a batch for <see cref="MatrixJob{T}"/>, and keeps what was packed.</summary>
internal sealed unsafe class PackedMatrix : IDisposable
{
    private readonly Tensor _down;
    private readonly Tensor _up;
    private readonly int _height;

    private PackedMatrix(Tensor down, Tensor up, int height) => (_down, _up, _height) = (down, up, height);

    /// <summary>Type of the products.</summary>
    public ScalarType Type => _down.dtype;

    /// <summary>Number of matrices.</summary>
    public int Matrices => (int)_down.shape[0];

    /// <summary>Whether the processor has the products, and lines of the image are whole panels.</summary>
    public static bool Takes(ScalarType dtype, int width) => width % ProductTile.Columns == 0 && ProductTile.Supports(dtype);

    /// <summary>Packs matrices; the caller disposes.</summary>
    /// <param name="matrix">H, <c>[B, O, C·H·W]</c> float32 on the CPU.</param>
    /// <param name="channels">C.</param>
    /// <param name="height">H.</param>
    /// <param name="width">W.</param>
    /// <param name="dtype">Type of the products, float32 or bfloat16.</param>
    public static PackedMatrix Create(Tensor matrix, int channels, int height, int width, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var padding = (ProductTile.Columns - matrix.shape[1] % ProductTile.Columns) % ProductTile.Columns;
        var whole = padding == 0 ? matrix : nn.functional.pad(matrix, [0, 0, 0, padding]);
        var packed = new PackedMatrix(
            empty(whole.shape, dtype).DetachFromDisposeScope(),
            empty(whole.shape, dtype).DetachFromDisposeScope(),
            height
        );
        using var rows = new TensorRows(whole);
        if (dtype == ScalarType.Float32)
            Run(packed.Panels<Float32Lane>());
        else
            Run(packed.Panels<Bfloat16Lane>());
        return packed;

        void Run<T>(MatrixPanels<T> panels)
            where T : unmanaged, ILane<T> => CpuTeam.For(packed.Matrices * height, 1, new Work<T>(rows.Floats, panels, channels, width));
    }

    /// <summary>Where the panels lie; holds while this lives.</summary>
    public MatrixPanels<T> Panels<T>()
        where T : unmanaged, ILane<T>
    {
        var shape = _down.shape;
        return new((T*)TensorMemory.Address(_down), (T*)TensorMemory.Address(_up), _height, (int)(shape[2] / _height), (int)shape[1]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _down.Dispose();
        _up.Dispose();
    }

    // An item is a line of the images of a matrix.
    private readonly struct Work<T>(float* rows, MatrixPanels<T> panels, int channels, int width) : IRangeWork
        where T : unmanaged, ILane<T>
    {
        public void Run(int start, int end)
        {
            var plane = panels.Height * width;
            var length = channels * plane;
            for (var item = start; item < end; item++)
            {
                var (matrix, line) = Math.DivRem(item, panels.Height);
                for (var c = 0; c < channels; c++)
                {
                    var from = rows + (long)matrix * panels.Measurements * length + c * plane + line * width;
                    Down(from, length, matrix, line, c * width);
                    Up(from, length, matrix, line, c * width / ProductTile.Columns);
                }
            }
        }

        private void Down(float* from, long stride, int matrix, int line, int first)
        {
            for (var o = 0; o < panels.Measurements; o += AvxTranspose.Side)
            {
                var (panel, column) = Math.DivRem(o, ProductTile.Columns);
                var to = panels.Down(matrix, line, panel) + first * ProductTile.Columns + column * ProductTile<T>.Depth;
                for (var x = 0; x < width; x += Lanes.Width)
                    PanelPacking<T>.Transposed(from + o * stride + x, stride, to + x * ProductTile.Columns);
            }
        }

        private void Up(float* from, long stride, int matrix, int line, int panel)
        {
            for (var x = 0; x < width; x += ProductTile.Columns, panel++)
            for (var o = 0; o < panels.Measurements; o += ProductTile<T>.Depth)
                PanelPacking<T>.Together(
                    (Float32Lane*)from + o * stride + x,
                    stride,
                    panels.Up(matrix, line, panel) + o * ProductTile.Columns
                );
        }
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace InvFusion.Ops.Kernels;

/// <summary>Puts numbers into the order in which <see cref="ProductTile{T}"/> reads a panel, <c>[steps, 32, depth]</c>.</summary>
/// <typeparam name="T">Numbers of the panel.</typeparam>
internal static unsafe class PanelPacking<T>
    where T : unmanaged, ILane<T>
{
    /// <summary>Sixteen numbers of each of eight rows become sixteen rows of eight columns.</summary>
    /// <param name="from">The first row, of float32.</param>
    /// <param name="stride">From a row to the next.</param>
    /// <param name="to">The first of the columns in the step of the first number.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Transposed(float* from, long stride, T* to)
    {
        // What a step takes of a row moves as the float that its bits would be.
        var steps = Lanes.Width / ProductTile<T>.Depth;
        var rows = stackalloc float[AvxTranspose.Side * Lanes.Width];
        for (var i = 0; i < AvxTranspose.Side; i++)
            T.Store((T*)(rows + i * steps), Vector512.Load(from + i * stride));
        for (var step = 0; step < steps; step += AvxTranspose.Side)
            AvxTranspose.EightByEight(rows + step, steps, (float*)to + step * ProductTile.Columns, ProductTile.Columns);
    }

    /// <summary>A step of a whole panel, from as many rows of thirty-two numbers as a step takes.</summary>
    /// <param name="from">The first row.</param>
    /// <param name="stride">From a row to the next.</param>
    /// <param name="to">The step.</param>
    public static void Together<TFrom>(TFrom* from, long stride, T* to)
        where TFrom : unmanaged, ILane<TFrom>
    {
        for (var column = 0; column < ProductTile.Columns; column += Lanes.Width)
        {
            var first = TFrom.Load(from + column);
            var at = to + column * ProductTile<T>.Depth;
            if (ProductTile<T>.Depth == 1)
                T.Store(at, first);
            else
                Bfloat16Lane.StorePairs((Bfloat16Lane*)at, first, TFrom.Load(from + stride + column));
        }
    }
}

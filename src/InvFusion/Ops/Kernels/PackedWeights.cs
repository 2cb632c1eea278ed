using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>Weights in the order in which <see cref="ProductTile{T}"/> reads them: panels of 32 outputs, and in them the inputs of a step one behind the other.</summary>
/// <typeparam name="T">Type of the product.</typeparam>
internal readonly unsafe struct PackedWeights<T>
    where T : unmanaged, ILane<T>
{
    private readonly T* _first;

    /// <summary>Finds them.</summary>
    /// <param name="packed">What <see cref="PackedWeights.Pack"/> or <see cref="PackedWeights.PackGated"/> made; must live as long.</param>
    public PackedWeights(Tensor packed)
    {
        var shape = packed.shape;
        (Panels, Steps) = ((int)shape[0], (int)shape[1]);
        _first = (T*)TensorMemory.Address(packed);
    }

    /// <summary>Outputs / 32.</summary>
    public int Panels { get; }

    /// <summary>Inputs / depth.</summary>
    public int Steps { get; }

    /// <summary>Inputs of a row.</summary>
    public int Inputs => ProductTile<T>.Depth * Steps;

    /// <summary>Outputs of a row.</summary>
    public int Outputs => Panels * ProductTile.Columns;

    /// <summary>The panel of outputs 32·index and following.</summary>
    public T* Panel(int index) => _first + (long)index * Inputs * ProductTile.Columns;
}

/// <summary>Packs weights, whatever the type of the product is.</summary>
internal static unsafe class PackedWeights
{
    /// <summary>Whether weights of these sizes can be packed: whole panels and whole vectors.</summary>
    public static bool Takes(long inputs, long outputs) => outputs % ProductTile.Columns == 0 && inputs % Lanes.Width == 0;

    /// <summary>Rounds and orders weights <c>[outputs, inputs]</c> float32: <c>[outputs/32, inputs/depth, 32, depth]</c> of a type that has tiles.</summary>
    public static Tensor Pack(Tensor weights, ScalarType dtype) => Order(weights, dtype, 0);

    /// <summary>The same for weights of values and behind them gates of as many: each panel gets 16 values and their gates.</summary>
    public static Tensor PackGated(Tensor weights, ScalarType dtype) => Order(weights, dtype, (int)weights.shape[0] / 2);

    private static Tensor Order(Tensor weights, ScalarType dtype, int gates) =>
        dtype == ScalarType.Float32 ? Order<Float32Lane>(weights, dtype, gates) : Order<Bfloat16Lane>(weights, dtype, gates);

    private static Tensor Order<T>(Tensor weights, ScalarType dtype, int gates)
        where T : unmanaged, ILane<T>
    {
        using var source = new TensorRows(weights);
        var (outputs, inputs) = (weights.shape[0], weights.shape[1]);
        var panels = (int)(outputs / ProductTile.Columns);
        var packed = empty([panels, inputs / ProductTile<T>.Depth, ProductTile.Columns, ProductTile<T>.Depth], dtype);
        CpuTeam.For(panels, 1, new Work<T>(source.Floats, (T*)TensorMemory.Address(packed), (int)inputs, gates));
        return packed;
    }

    private readonly struct Work<T>(float* weights, T* packed, int inputs, int gates) : IRangeWork
        where T : unmanaged, ILane<T>
    {
        public void Run(int start, int end)
        {
            for (var panel = start; panel < end; panel++)
            for (var column = 0; column < ProductTile.Columns; column += AvxTranspose.Side)
            for (var input = 0; input < inputs; input += Lanes.Width)
            {
                var to = packed + ((long)panel * inputs + input) * ProductTile.Columns + column * ProductTile<T>.Depth;
                PanelPacking<T>.Transposed(weights + (long)Output(panel, column) * inputs + input, inputs, to);
            }
        }

        private int Output(int panel, int column)
        {
            if (gates == 0)
                return panel * ProductTile.Columns + column;
            var value = panel * Lanes.Width + column % Lanes.Width;
            return column < Lanes.Width ? value : gates + value;
        }
    }
}

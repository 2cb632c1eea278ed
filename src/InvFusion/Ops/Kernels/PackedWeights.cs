using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>Weights in the order in which <see cref="ProductTile{T}"/> reads them: panels of 32 outputs, and in them pairs of inputs one behind the other.</summary>
internal readonly unsafe struct PackedWeights
{
    private readonly Bfloat16Lane* _first;

    /// <summary>Finds them.</summary>
    /// <param name="packed">What <see cref="Pack(Tensor)"/> or <see cref="PackGated"/> made; must live as long.</param>
    public PackedWeights(Tensor packed)
    {
        var shape = packed.shape;
        (Panels, Pairs) = ((int)shape[0], (int)shape[1]);
        _first = (Bfloat16Lane*)TensorMemory.Address(packed);
    }

    /// <summary>Outputs / 32.</summary>
    public int Panels { get; }

    /// <summary>Inputs / 2.</summary>
    public int Pairs { get; }

    /// <summary>Inputs of a row.</summary>
    public int Inputs => 2 * Pairs;

    /// <summary>Outputs of a row.</summary>
    public int Outputs => Panels * ProductTile.Columns;

    /// <summary>The panel of outputs 32·index and following.</summary>
    public Bfloat16Lane* Panel(int index) => _first + (long)index * Pairs * 2 * ProductTile.Columns;

    /// <summary>Whether weights of these sizes can be packed: whole panels and whole vectors.</summary>
    public static bool Takes(long inputs, long outputs) => outputs % ProductTile.Columns == 0 && inputs % Lanes.Width == 0;

    /// <summary>Rounds and orders weights <c>[outputs, inputs]</c> float32: <c>[outputs/32, inputs/2, 32, 2]</c> bfloat16.</summary>
    public static Tensor Pack(Tensor weights) => Pack(weights, 0);

    /// <summary>The same for weights of values and behind them gates of as many: each panel gets 16 values and their gates.</summary>
    public static Tensor PackGated(Tensor weights) => Pack(weights, (int)weights.shape[0] / 2);

    private static Tensor Pack(Tensor weights, int gates)
    {
        using var source = new TensorRows(weights);
        var (outputs, inputs) = (weights.shape[0], weights.shape[1]);
        var panels = (int)(outputs / ProductTile.Columns);
        var packed = empty([panels, inputs / 2, ProductTile.Columns, 2], ScalarType.BFloat16);
        CpuTeam.For(panels, 1, new Work(source.Floats, (Bfloat16Lane*)TensorMemory.Address(packed), (int)inputs, gates));
        return packed;
    }

    private readonly struct Work(float* weights, Bfloat16Lane* packed, int inputs, int gates) : IRangeWork
    {
        public void Run(int start, int end)
        {
            for (var panel = start; panel < end; panel++)
            for (var column = 0; column < ProductTile.Columns; column += PanelPacking<Bfloat16Lane>.Side)
            for (var input = 0; input < inputs; input += Lanes.Width)
            {
                var to = packed + ((long)panel * inputs + input) * ProductTile.Columns + 2 * column;
                PanelPacking<Bfloat16Lane>.Transposed(weights + (long)Output(panel, column) * inputs + input, inputs, to);
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

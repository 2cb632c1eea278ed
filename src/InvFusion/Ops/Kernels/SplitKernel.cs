using System.Runtime.Intrinsics;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>Maps a token, splits it into 2×2 and mixes them with the way down, in one pass; products in bfloat16, sums in float32.</summary>
internal static unsafe class SplitKernel
{
    private const int Side = 2;

    [ThreadStatic]
    private static Scratch? _scratch;

    /// <summary>lerp(skip, <see cref="TokenLayout.Split"/>(Linear(x), 2), fac).</summary>
    /// <param name="x"><c>[B, h, w, c]</c> float32.</param>
    /// <param name="packed">Weights of 4·d outputs, packed; d a multiple of 32.</param>
    /// <param name="skip"><c>[B, 2h, 2w, d]</c> float32.</param>
    /// <param name="fac">Part of x.</param>
    /// <returns><c>[B, 2h, 2w, d]</c> float32.</returns>
    public static Tensor Apply(Tensor x, Tensor packed, Tensor skip, float fac)
    {
        using TensorRows source = new(x),
            skips = new(skip);
        var weights = new PackedWeights(packed);
        var result = empty(skip.shape, ScalarType.Float32);
        var rows = (int)(x.NumberOfElements / weights.Inputs);
        var lot = PackedProduct.Lot(rows);
        var mixed = new Mixed(skips.Floats, TensorMemory.Floats(result), 0, (int)x.shape[2], weights.Outputs / (Side * Side), fac);
        CpuTeam.For((rows + lot - 1) / lot, 1, new Work(source.Floats, weights, mixed, rows, lot));
        return result;
    }

    private readonly struct Work(float* x, PackedWeights weights, Mixed mixed, int rows, int lot) : IRangeWork
    {
        public void Run(int start, int end)
        {
            var width = weights.Inputs;
            var sums = Scratch.Floats(ref _scratch, PackedProduct.TileSums + (long)lot * width / 2);
            var rounded = (Bfloat16Lane*)(sums + PackedProduct.TileSums);
            for (var first = start * lot; first < Math.Min(rows, end * lot); first += lot)
            {
                var count = Math.Min(lot, rows - first);
                for (var i = 0; i < count * width; i += Lanes.Width)
                    Bfloat16Lane.Store(rounded + i, Vector512.Load(x + (long)first * width + i));
                PackedProduct.Run(rounded, count, weights, sums, mixed with { First = first });
            }
        }
    }

    // Where 32 numbers of a token go: to the one of its four whose they are.
    private readonly record struct Mixed(nint SkipAddress, nint ResultAddress, int First, int Columns, int Width, float Fac) : ITileSink
    {
        public Mixed(float* skip, float* result, int first, int columns, int width, float fac)
            : this((nint)skip, (nint)result, first, columns, width, fac) { }

        public void Take(int row, int panel, Vector512<float> first, Vector512<float> second)
        {
            var token = First + row;
            var (part, channel) = Math.DivRem(panel * Bfloat16Tile.Columns, Width);
            long line = token / Columns * Side + part / Side,
                column = token % Columns * Side + part % Side,
                at = (line * (Columns * Side) + column) * Width + channel;
            Mix(at, first);
            Mix(at + Lanes.Width, second);
        }

        private void Mix(long at, Vector512<float> value)
        {
            var start = Vector512.Load((float*)SkipAddress + at);
            Vector512.FusedMultiplyAdd(Vector512.Create(Fac), value - start, start).Store((float*)ResultAddress + at);
        }
    }
}

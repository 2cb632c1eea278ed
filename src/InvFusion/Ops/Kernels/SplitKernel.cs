using System.Runtime.Intrinsics;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>Maps a token, splits it into 2×2 and mixes them with the way down, in one pass; sums in float32.</summary>
internal static unsafe class SplitKernel
{
    private const int Side = 2;

    /// <summary>lerp(skip, <see cref="TokenLayout.Split"/>(Linear(x), 2), fac).</summary>
    /// <param name="x"><c>[B, h, w, c]</c>.</param>
    /// <param name="packed">Weights of 4·d outputs, packed; d a multiple of 32.</param>
    /// <param name="skip"><c>[B, 2h, 2w, d]</c>.</param>
    /// <param name="fac">Part of x.</param>
    /// <returns><c>[B, 2h, 2w, d]</c> float32.</returns>
    public static Tensor Apply(Tensor x, Tensor packed, Tensor skip, float fac) =>
        packed.dtype == ScalarType.Float32 ? Apply<Float32Lane>(x, packed, skip, fac) : Apply<Bfloat16Lane>(x, packed, skip, fac);

    private static Tensor Apply<T>(Tensor x, Tensor packed, Tensor skip, float fac)
        where T : unmanaged, ILane<T>
    {
        using TensorRows source = new(x),
            skips = new(skip);
        var weights = new PackedWeights<T>(packed);
        var result = empty(skip.shape, ScalarType.Float32);
        PackedProduct.For(
            (int)(x.NumberOfElements / weights.Inputs),
            weights,
            new Given<T>(source.Floats, weights.Inputs),
            new Mixed(skips.Floats, TensorMemory.Floats(result), (int)x.shape[2], weights.Outputs / (Side * Side), fac)
        );
        return result;
    }

    private readonly struct Given<T>(float* x, int width) : IRowSource<T>
        where T : unmanaged, ILane<T>
    {
        public void Write(int row, T* to) => Lanes.Narrow(x + (long)row * width, to, width);
    }

    // Where 32 numbers of a token go: to the one of its four whose they are.
    private readonly struct Mixed(float* skip, float* result, int columns, int width, float fac) : ITileSink
    {
        public void Take(int row, int panel, Vector512<float> first, Vector512<float> second)
        {
            var (part, channel) = Math.DivRem(panel * ProductTile.Columns, width);
            long line = row / columns * Side + part / Side,
                column = row % columns * Side + part % Side,
                at = (line * (columns * Side) + column) * width + channel;
            Mix(at, first);
            Mix(at + Lanes.Width, second);
        }

        private void Mix(long at, Vector512<float> value)
        {
            var start = Vector512.Load(skip + at);
            Vector512.FusedMultiplyAdd(Vector512.Create(fac), value - start, start).Store(result + at);
        }
    }
}

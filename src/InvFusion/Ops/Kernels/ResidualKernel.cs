using System.Runtime.Intrinsics;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>The residual sum in one pass; libtorch would copy the bfloat16 side to float32 first.</summary>
internal static unsafe class ResidualKernel
{
    private const int Piece = 32768;

    /// <summary>x += delta.</summary>
    /// <param name="x">float32, contiguous.</param>
    /// <param name="delta">Of its shape, float32 or bfloat16.</param>
    public static void Add(Tensor x, Tensor delta) => Add(TensorMemory.Floats(x), delta, TensorMemory.Floats(x));

    /// <summary>x + delta.</summary>
    /// <param name="x">float32.</param>
    /// <param name="delta">Of its shape, float32 or bfloat16.</param>
    public static Tensor Sum(Tensor x, Tensor delta)
    {
        using var source = new TensorRows(x);
        var sum = empty(x.shape, ScalarType.Float32);
        Add(source.Floats, delta, TensorMemory.Floats(sum));
        return sum;
    }

    private static void Add(float* x, Tensor delta, float* sum)
    {
        using var deltas = new TensorRows(delta, delta.dtype);
        var (count, add) = (delta.NumberOfElements, deltas.Address);
        var pieces = (int)((count + Piece - 1) / Piece);
        if (delta.dtype == ScalarType.BFloat16)
            CpuTeam.For(pieces, 1, new Work<Bfloat16Lane>(x, (Bfloat16Lane*)add, sum, count));
        else
            CpuTeam.For(pieces, 1, new Work<Float32Lane>(x, (Float32Lane*)add, sum, count));
    }

    private readonly struct Work<T>(float* x, T* delta, float* sum, long count) : IRangeWork
        where T : unmanaged, ILane<T>
    {
        public void Run(int start, int end)
        {
            var last = Math.Min(count, (long)end * Piece);
            var i = (long)start * Piece;
            for (; i + Lanes.Width <= last; i += Lanes.Width)
                (Vector512.Load(x + i) + T.Load(delta + i)).Store(sum + i);
            if (i < last)
            {
                var n = (int)(last - i);
                Lanes.StoreFew((Float32Lane*)(sum + i), n, Lanes.LoadFew((Float32Lane*)(x + i), n) + Lanes.LoadFew(delta + i, n));
            }
        }
    }
}

using System.Runtime.Intrinsics;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>The residual sum in place; libtorch would copy the bfloat16 side to float32 first.</summary>
internal static unsafe class ResidualKernel
{
    private const int Piece = 32768;

    /// <summary>x += delta.</summary>
    /// <param name="x">float32, contiguous.</param>
    /// <param name="delta">Of its shape, float32 or bfloat16.</param>
    public static void Add(Tensor x, Tensor delta)
    {
        using var deltas = new TensorRows(delta, delta.dtype);
        var to = TensorMemory.Floats(x);
        var (count, add) = (x.NumberOfElements, deltas.Address);
        var pieces = (int)((count + Piece - 1) / Piece);
        if (delta.dtype == ScalarType.BFloat16)
            CpuTeam.For(pieces, 1, new Work<Bfloat16Lane>(to, (Bfloat16Lane*)add, count));
        else
            CpuTeam.For(pieces, 1, new Work<Float32Lane>(to, (Float32Lane*)add, count));
    }

    private readonly struct Work<T>(float* x, T* delta, long count) : IRangeWork
        where T : unmanaged, ILane<T>
    {
        public void Run(int start, int end)
        {
            var last = Math.Min(count, (long)end * Piece);
            var i = (long)start * Piece;
            for (; i + Lanes.Width <= last; i += Lanes.Width)
                (Vector512.Load(x + i) + T.Load(delta + i)).Store(x + i);
            if (i < last)
            {
                var (to, n) = ((nint)(x + i), (int)(last - i));
                Lanes.StoreFew((Float32Lane*)to, n, Lanes.LoadFew((Float32Lane*)to, n) + Lanes.LoadFew(delta + i, n));
            }
        }
    }
}

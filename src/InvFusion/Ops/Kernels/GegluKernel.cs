using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary><see cref="Geglu"/> in one pass.</summary>
internal static unsafe class GegluKernel
{
    /// <summary>Halves (a, g) of the last dimension give a · gelu(g): <c>[…, 2d]</c> → <c>[…, d]</c>, float32 or bfloat16.</summary>
    public static Tensor Apply(Tensor x)
    {
        using var source = new TensorRows(x, x.dtype);
        var width = (int)x.shape[^1] / 2;
        var rows = (int)(x.NumberOfElements / (2 * width));
        var result = empty([.. x.shape[..^1], width], x.dtype);
        nint from = source.Address,
            to = TensorMemory.Address(result);
        var grain = Math.Max(1, 16384 / width);
        if (x.dtype == ScalarType.BFloat16)
            CpuTeam.For(rows, grain, new Work<Bfloat16Lane>((Bfloat16Lane*)from, (Bfloat16Lane*)to, width));
        else
            CpuTeam.For(rows, grain, new Work<Float32Lane>((Float32Lane*)from, (Float32Lane*)to, width));
        return result;
    }

    private readonly struct Work<T>(T* x, T* result, int width) : IRangeWork
        where T : unmanaged, ILane<T>
    {
        public void Run(int start, int end)
        {
            for (var row = start; row < end; row++)
            {
                T* value = x + (long)row * 2 * width,
                    gate = value + width,
                    to = result + (long)row * width;
                var i = 0;
                for (; i + Lanes.Width <= width; i += Lanes.Width)
                    T.Store(to + i, T.Load(value + i) * Lanes.Gelu(T.Load(gate + i)));
                if (i < width)
                    Lanes.StoreFew(to + i, width - i, Lanes.LoadFew(value + i, width - i) * Lanes.Gelu(Lanes.LoadFew(gate + i, width - i)));
            }
        }
    }
}
